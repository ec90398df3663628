import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Kysely, type RawBuilder, sql } from "kysely";
import { checkSeal, readNote, type Seal, sealed, stateFolder, writeNote } from "../seal.ts";
import type { Ledger } from "./ledger.ts";
import type { Schema } from "./schema.ts";

/**
 * The chain: each row that tells what was measured or decided has a link with the hash of its content and of the link
 * before, so that no row can be changed, removed or put in between without all later hashes being wrong. Each link also
 * bears Whetstone's seal, whose key lies outside of the lab: without that key nobody can hash everything anew. Whoever has
 * the user's rights could read the key, so a whole chain proves nothing against them.
 */
interface Chained {
  /** What one row is called. */
  word: string;
  key: string;
  /** What never changes once it is recorded; the order is part of the hash. */
  columns: readonly string[];
}

const chained = {
  sessions: {
    word: "session",
    key: "id",
    columns:
      "tag program program_hash base_commit base_tree base_state pin_parts seed secret channel level isolation created_at holdout_data epoch rescored_from".split(
        " ",
      ),
  },
  experiments: {
    word: "experiment",
    key: "id",
    columns:
      "session_id number state parent parent_state researcher what mechanism prediction added removed proposed_at".split(
        " ",
      ),
  },
  changes: { word: "change", key: "experiment_id", columns: ["after", "before", "diff"] },
  violations: { word: "violation", key: "id", columns: ["experiment_id", "path", "kind", "detail"] },
  evaluations: {
    word: "run",
    key: "id",
    columns:
      "session_id experiment_id audit_id position arm purpose round state seed value metrics failure_kind failure_message started_at wall_ms cpu_ms peak_bytes exit_code log_tail checks channel level pins stage machine spent_ms used".split(
        " ",
      ),
  },
  decisions: {
    word: "decision on experiment",
    key: "experiment_id",
    columns:
      "kind effect low high p p_real t df pairs provisional reason value runs peak_bytes wall_ms decided_at stages doubt raced allowance".split(
        " ",
      ),
  },
  audits: {
    word: "audit",
    key: "id",
    columns:
      "session_id kind against subject final_state experiment pairs started_at ended_at baseline_mean final_mean effect low high".split(
        " ",
      ),
  },
  reviews: {
    word: "review",
    key: "id",
    columns: ["experiment_id", "verdict", "note", "after_number", "reviewed_at"],
  },
  probes: {
    word: "probe",
    key: "id",
    columns: ["session_id", "canary", "outcome", "value", "message", "probed_at"],
  },
  // Where a grant says `cache`, a stored answer decides for both arms of a pair.
  model_calls: {
    word: "call of a model",
    key: "id",
    columns:
      "session_id asker model key content_type answer status tokens_in tokens_out dollars started_at wall_ms".split(
        " ",
      ),
  },
  // They lift the cap that an agent with the user's rights puts on the grade.
  boxes: { word: "box", key: "id", columns: ["session_id", "key", "isolation", "started_at"] },
  boxed_experiments: { word: "box of experiment", key: "experiment_id", columns: ["box_id"] },
} satisfies Record<string, Chained>;
type ChainedTable = keyof typeof chained;
const tables = Object.keys(chained) as ChainedTable[];
/** Tables that came after the chain: they are empty, or not there yet, where a migration begins it. */
const later: readonly string[] = ["boxes", "boxed_experiments"];

/** What the first link is of: the greatest row of each table that has none. */
const beginning = "beginning";
const purpose = "link of a ledger";

/** Begins the chain of a ledger of before: the rows that are there now stay without links. */
export async function beginFirstChain(db: Kysely<Schema>): Promise<void> {
  await beginChain(
    db,
    tables.filter((table) => !later.includes(table)),
  );
}

/** Begins the chain anew: the rows that are there now stay without links. */
export async function beginChain(db: Kysely<Schema>, over = tables): Promise<void> {
  await sql`delete from links`.execute(db);
  await append(db, beginning, 0, JSON.stringify(await newestRows(db, over)));
}

/** The greatest key of each table, 0 where it is empty. */
async function newestRows(db: Kysely<Schema>, over = tables): Promise<Record<string, number>> {
  const newest: Record<string, number> = {};
  for (const table of over) {
    const key = sql.ref(chained[table].key);
    const found = await sql<{ n: number | null }>`select max(${key}) as n from ${sql.table(table)}`.execute(
      db,
    );
    newest[table] = found.rows[0]?.n ?? 0;
  }
  return newest;
}

/** Links a row that has just been recorded, in the transaction that recorded it. */
export async function link(db: Kysely<Schema>, table: ChainedTable, rowId: number): Promise<void> {
  const { rows } = await rowsOf(table, sql`= ${rowId}`).execute(db);
  await append(db, table, rowId, contentOf(rows[0]));
}

async function append(db: Kysely<Schema>, of: string, rowId: number, content: string): Promise<void> {
  const last = await db.selectFrom("links").select("hash").orderBy("id", "desc").limit(1).executeTakeFirst();
  const hash = hashOf(last?.hash ?? "", of, rowId, content);
  const seal = sealed(purpose, hash);
  await db
    .insertInto("links")
    .values({ of, rowId, content, hash, seal: seal && `${seal.key} ${seal.mac}` })
    .execute();
}

function rowsOf(table: ChainedTable, where: RawBuilder<unknown>): RawBuilder<Record<string, unknown>> {
  const { key, columns } = chained[table];
  const wanted = sql.join(columns.map((column) => sql.ref(column)));
  return sql`select ${sql.ref(key)} as linked, ${wanted} from ${sql.table(table)} where ${sql.ref(key)} ${where} order by ${sql.ref(key)} limit ${page}`;
}

/** As the database gives the row back: what it made of a value when it was written is the same each time. */
function contentOf(row: Record<string, unknown> | undefined): string {
  const { linked: _key, ...rest } = row ?? {};
  return createHash("sha256")
    .update(JSON.stringify(Object.values(rest)))
    .digest("hex");
}

function hashOf(before: string, of: string, rowId: number, content: string): string {
  return createHash("sha256")
    .update(JSON.stringify([before, of, rowId, content]))
    .digest("hex");
}

/** What an examination of the chain found. */
export interface ChainReport {
  /** Rows that have a link. */
  linked: number;
  /** Rows from before the chain began: nothing shows whether they were changed. */
  unlinked: number;
  /** What is not as it was recorded, a sentence each, the first hundred. */
  faults: string[];
  /**
   * Whose seals the links bear: `own`: all this user's, on this machine; `foreign`: some were made elsewhere, so that only
   * the hashes say something; `none`: some bear none.
   */
  seals: "own" | "foreign" | "none";
  /** The chain is not the one that this user's Whetstone last saw here; null: it is, or it saw none. */
  head: string | null;
}

/** Reads all of the chain and of what it links. */
export async function examineChain(ledger: Pick<Ledger, "db" | "path">): Promise<ChainReport> {
  const { db, path } = ledger;
  // A session may go on meanwhile: what is there now has its link when the links are read.
  const newest = await newestRows(db);
  const links = await db.selectFrom("links").selectAll().orderBy("id").execute();
  const faults: string[] = [];
  const say = (fault: string) => faults.length < 100 && faults.push(fault);
  const recorded = new Map<string, string>();
  let before = "";
  let seals: ChainReport["seals"] = "own";
  for (const [index, each] of links.entries()) {
    const { id, of, rowId, content, hash } = each;
    if (id !== index + 1 || hash !== hashOf(before, of, rowId, content))
      say(`link ${id} does not follow the one before: something was changed, removed or put in between`);
    const seal = sealOfLink(each.seal);
    const verdict = seal === null ? "none" : checkSeal(purpose, hash, seal);
    if (verdict === "broken") say(`the seal of link ${id} is not ours`);
    else if (verdict !== "holds" && seals !== "none") seals = verdict;
    const name = `${of} ${rowId}`;
    if (recorded.has(name)) say(`${wordOf(of)} ${rowId} is linked twice`);
    recorded.set(name, content);
    before = hash;
  }
  const first = links[0]?.of === beginning ? (JSON.parse(links[0].content) as Record<string, number>) : {};
  if (links[0]?.of !== beginning) say("the beginning of the chain is missing");
  recorded.delete(`${beginning} 0`);
  const linked = recorded.size;
  let unlinked = 0;
  for (const table of tables) {
    for await (const row of eachRow(db, table)) {
      const id = row.linked as number;
      if (id > (newest[table] ?? 0)) break;
      const name = `${table} ${id}`;
      const content = recorded.get(name);
      recorded.delete(name);
      if (content === undefined) {
        if (id <= (first[table] ?? 0)) unlinked++;
        // An audit is linked once it is finished.
        else if (table !== "audits" || row.endedAt !== null)
          say(`${wordOf(table)} ${id} was put in: it has no link`);
      } else if (content !== contentOf(row)) say(`${wordOf(table)} ${id} is not as it was recorded`);
    }
  }
  for (const [name, content] of recorded) {
    const [table = "", id] = name.split(" ");
    const found = isChained(table) ? await rowsOf(table, sql`= ${Number(id)}`).execute(db) : null;
    const row = found?.rows[0];
    if (row === undefined) say(`${wordOf(table)} ${id} is gone`);
    else if (contentOf(row) !== content) say(`${wordOf(table)} ${id} is not as it was recorded`);
  }
  return { linked, unlinked, faults, seals, head: await headFault(path, links) };
}

function wordOf(table: string): string {
  return isChained(table) ? chained[table].word : table;
}

function isChained(table: string): table is ChainedTable {
  return Object.hasOwn(chained, table);
}

function sealOfLink(text: string | null): Seal | null {
  const [key, mac] = text?.split(" ") ?? [];
  return key === undefined || mac === undefined ? null : { key, mac };
}

/** Rows read at a time: their texts may be long. */
const page = 500;

async function* eachRow(db: Kysely<Schema>, table: ChainedTable): AsyncGenerator<Record<string, unknown>> {
  for (let after = -1; ; ) {
    const { rows } = await rowsOf(table, sql`> ${after}`).execute(db);
    yield* rows;
    if (rows.length < page) return;
    after = rows.at(-1)?.linked as number;
  }
}

/** The end of a chain as it was when a session was last closed. */
interface Head {
  links: number;
  hash: string;
}

/** Kept outside of the lab: a chain alone does not show that its end was cut off. */
function headFile(path: string): string {
  const real = realpathSync(path);
  return join(stateFolder(), "heads", createHash("sha256").update(real).digest("hex").slice(0, 32));
}

/** Notes how far the chain reaches. Failing to write it costs only the check that nothing was cut off. */
export async function noteHead({ db, path }: Pick<Ledger, "db" | "path">): Promise<void> {
  const last = await db
    .selectFrom("links")
    .select(["id", "hash"])
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
  if (!last) return;
  try {
    const file = headFile(path);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const head: Head = { links: last.id, hash: last.hash };
    await writeNote(file, JSON.stringify(head));
  } catch {}
}

async function headFault(
  path: string,
  links: readonly { id: number; hash: string }[],
): Promise<string | null> {
  const text = await readNote(headFile(path));
  if (text === null) return null;
  const head = JSON.parse(text) as Head;
  const there = links[head.links - 1];
  if (there?.hash === head.hash) return null;
  return there === undefined
    ? `it had ${head.links} links when a session was last closed here, and has ${links.length}: rows were removed from its end, or an older copy was put back`
    : "it is another chain than when a session was last closed here: it was begun anew, or another ledger was put here";
}
