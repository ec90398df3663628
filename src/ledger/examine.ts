import { statSync } from "node:fs";
import Database from "better-sqlite3";
import { beginChain } from "./chain.ts";
import type { Ledger } from "./ledger.ts";
import { openLedger } from "./open.ts";

/** What the ledger file is like, read without changing it. */
export interface LedgerHealth {
  /** What SQLite's own examination of the file objects to; empty: it is sound. */
  faults: string[];
  /** Why the file could not be examined although nothing says that it is damaged (no room, no right); null: it could. */
  obstacle: string | null;
  /** `wal` unless somebody changed it. */
  journal: string;
  bytes: number;
  /** Bytes of the write-ahead log that wait to be written back; they belong to the ledger. */
  waiting: number;
}

/** Examines the file page by page and row by row. Takes as long as reading all of it. */
export function examineLedger(path: string): LedgerHealth {
  const health: LedgerHealth = {
    faults: [],
    obstacle: null,
    journal: "?",
    bytes: size(path),
    waiting: size(`${path}-wal`),
  };
  let sqlite: Database.Database | null = null;
  try {
    sqlite = new Database(path, { readonly: true, timeout: 15_000 });
    health.journal = String(sqlite.pragma("journal_mode", { simple: true }));
    const integrity = sqlite.pragma("integrity_check(20)") as { integrity_check: string }[];
    health.faults.push(...integrity.map((row) => row.integrity_check).filter((text) => text !== "ok"));
    for (const row of (sqlite.pragma("foreign_key_check") as { table: string; rowid: number }[]).slice(0, 20))
      health.faults.push(`row ${row.rowid} of ${row.table} belongs to nothing`);
  } catch (error) {
    const { code = "", message } = error as Error & { code?: string };
    if (/^SQLITE_(CORRUPT|NOTADB|IOERR_READ|IOERR_SHORT_READ)/.test(code)) health.faults.push(message);
    else health.obstacle = message;
  } finally {
    sqlite?.close();
  }
  return health;
}

function size(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** A place in the order of a decision's questions where the recorded runs do not follow one another. */
export interface Gap {
  /** `the baseline`, `experiment 3`, `audit 2`. */
  of: string;
  positions: number[];
}

/**
 * Runs whose positions are not 0, 1, 2, ... Warm-up runs and the baseline's run on the holdout have no part in the
 * baseline's count.
 */
export async function positionGaps(ledger: Ledger, sessionId: number): Promise<Gap[]> {
  const rows = await ledger.db
    .selectFrom("evaluations as v")
    .leftJoin("experiments as e", "e.id", "v.experimentId")
    .select(["e.number", "v.auditId", "v.position", "v.failureKind", "v.purpose"])
    .where("v.sessionId", "=", sessionId)
    .orderBy("v.position")
    .execute();
  const counted = rows.filter(
    (row) => row.auditId !== null || row.number !== null || row.purpose === "baseline",
  );
  const owners = Map.groupBy(counted, (row) =>
    row.auditId !== null
      ? `audit ${row.auditId}`
      : row.number !== null
        ? `experiment ${row.number}`
        : "the baseline",
  );
  const gaps: Gap[] = [];
  for (const [of, runs] of owners) {
    const positions = of === "the baseline" ? withoutRepeats(runs) : runs.map((run) => run.position);
    if (positions.some((position, index) => position !== index)) gaps.push({ of, positions });
  }
  return gaps;
}

/**
 * A run of the baseline that failed was measured again: at the next position in the same process, at its own one in a
 * later process. So failed runs fill the positions that no other run has.
 */
function withoutRepeats(runs: readonly { position: number; failureKind: string | null }[]): number[] {
  const measured = runs.filter((run) => run.failureKind === null).map((run) => run.position);
  const failed = new Set(runs.filter((run) => run.failureKind !== null).map((run) => run.position));
  const between = [...failed].filter((position) => !measured.includes(position));
  return [...measured, ...between].sort((a, b) => a - b);
}

/** Experiments of which other runs are there than their decision rests on. */
export async function lostRuns(
  ledger: Ledger,
  sessionId: number,
): Promise<{ number: number; decided: number; recorded: number }[]> {
  const rows = await ledger.db
    .selectFrom("experiments as e")
    .innerJoin("decisions as d", "d.experimentId", "e.id")
    .leftJoin("evaluations as v", "v.experimentId", "e.id")
    .select(["e.number", "d.runs as decided", (eb) => eb.fn.count<number>("v.id").as("recorded")])
    .where("e.sessionId", "=", sessionId)
    .groupBy(["e.number", "d.runs"])
    .orderBy("e.number")
    .execute();
  return rows.filter((row) => row.decided !== row.recorded);
}

/** Experiments without a decision that are not the session's newest: nothing will ever finish them. */
export async function forgotten(ledger: Ledger, sessionId: number): Promise<number[]> {
  const rows = await ledger.db
    .selectFrom("experiments as e")
    .leftJoin("decisions as d", "d.experimentId", "e.id")
    .select(["e.number", "d.kind"])
    .where("e.sessionId", "=", sessionId)
    .orderBy("e.number")
    .execute();
  return rows.slice(0, -1).flatMap((row) => (row.kind === null ? [row.number] : []));
}

/** Rows saved out of a damaged ledger, by table. */
export interface Saved {
  path: string;
  rows: Record<string, number>;
  /** Tables of which some rows could not be read. */
  incomplete: string[];
}

/**
 * Writes what can still be read of a damaged ledger into a new file; the damaged one is left as it is.
 *
 * @param target a file that does not exist yet.
 */
export async function saveLedger(path: string, target: string): Promise<Saved> {
  const saved: Saved = { path: target, rows: {}, incomplete: [] };
  // The tables as they should be: those of the damaged file may no longer be readable.
  const fresh = await openLedger(target);
  await fresh.close();
  const into = new Database(target);
  let from: Database.Database | null = null;
  try {
    into.pragma("foreign_keys = OFF");
    from = new Database(path, { readonly: true });
    // Else a half-read page would count as the end of a table.
    from.pragma("cell_size_check = ON");
    const tables = into
      .prepare("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'")
      .pluck()
      .all() as string[];
    into.exec("begin");
    for (const table of tables.filter((name) => name !== "links")) {
      const { rows, whole } = copyTable(from, into, table);
      saved.rows[table] = rows;
      if (!whole) saved.incomplete.push(table);
    }
    into.exec("commit");
    into.pragma("wal_checkpoint(TRUNCATE)");
  } catch (error) {
    // Not even the list of tables could be read.
    if (from !== null) throw error;
    saved.incomplete.push("all tables");
  } finally {
    from?.close();
    into.close();
  }
  // Of what could be read nobody can say any more whether it follows: the chain begins behind it.
  const again = await openLedger(target);
  await again.db.transaction().execute((tx) => beginChain(tx));
  await again.close();
  return saved;
}

/** From both ends towards the damage: what lies in the middle of it is lost. */
function copyTable(
  from: Database.Database,
  into: Database.Database,
  table: string,
): { rows: number; whole: boolean } {
  const insert = new Map<string, Database.Statement>();
  const put = (row: Record<string, unknown>) => {
    const names = Object.keys(row).map((name) => `"${name}"`);
    const sql = `insert or ignore into "${table}" (${names.join()}) values (${names.map(() => "?").join()})`;
    const statement = insert.get(sql) ?? into.prepare(sql);
    insert.set(sql, statement);
    return statement.run(...Object.values(row)).changes;
  };
  let rows = 0;
  for (const order of ["asc", "desc"]) {
    try {
      // Without an index: it may be what is damaged.
      const all = from.prepare(`select * from "${table}" not indexed order by rowid ${order}`).iterate();
      for (const row of all) rows += put(row as Record<string, unknown>);
      return { rows, whole: true };
    } catch {
      // The other end is tried next.
    }
  }
  return { rows, whole: false };
}
