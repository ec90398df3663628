import { deflateSync, inflateSync } from "node:zlib";
import type { Kysely } from "kysely";
import type { TraceEvent, Usage } from "../trace.ts";
import type { Ledger } from "./ledger.ts";
import type { Schema } from "./schema.ts";

/** A turn of another program's transcript, redacted, as it is handed in. */
export interface ImportedTurn {
  /** Unique within its source. */
  key: string;
  agent: string;
  version: string | null;
  model: string | null;
  prompt: string;
  events: readonly TraceEvent[];
  usage: Usage;
  /** A `TurnEnding`. */
  ending: string;
  message: string;
  /** Milliseconds since the epoch. */
  startedAt: number;
  endedAt: number;
  /** Where it can be read again, or its redacted lines themselves. */
  raw: string;
}

/** How a transcript stood when it was read last: unchanged ones are not read again. */
export interface TranscriptMark {
  source: string;
  /** Of its file; with `#` and the session where several lie in one. */
  path: string;
  bytes: number;
  changedAt: number;
}

/** Events of one statement: SQLite binds at most 32,766 values. */
const rowsAtOnce = 2000;

/**
 * Records imported turns with their traces in one transaction; those that are there already are left as they are.
 *
 * @returns how many were new.
 */
export async function addImported(
  ledger: Ledger,
  source: string,
  turns: readonly ImportedTurn[],
): Promise<number> {
  if (turns.length === 0) return 0;
  return ledger.db.transaction().execute(async (tx) => {
    let fresh = 0;
    for (const turn of turns) if (await insert(tx, source, turn)) fresh++;
    return fresh;
  });
}

async function insert(tx: Kysely<Schema>, source: string, turn: ImportedTurn): Promise<boolean> {
  const { usage } = turn;
  const row = await tx
    .insertInto("turns")
    .values({
      ...{ sessionId: null, experimentId: null, taskId: null, purpose: "imported" },
      ...{ researcher: turn.agent, agentVersion: turn.version, model: turn.model },
      ...{ source, sourceKey: turn.key, ending: turn.ending, message: turn.message },
      ...{ prompt: deflateSync(turn.prompt), raw: deflateSync(turn.raw) },
      ...{
        tokensIn: usage.input,
        tokensOut: usage.output,
        tokensCached: usage.cached,
        dollars: usage.dollars,
      },
      ...{ startedAt: Math.round(turn.startedAt), wallMs: Math.max(0, turn.endedAt - turn.startedAt) },
    })
    .onConflict((on) => on.columns(["source", "sourceKey"]).doNothing())
    .returning("id")
    .executeTakeFirst();
  if (!row) return false;
  const rows = turn.events.map((event, position) => {
    const { at, type, ...data } = event;
    return {
      ...{ turnId: row.id, position, at: Math.round(at), type },
      tool: "tool" in event ? event.tool : null,
      ok: "ok" in event ? Number(event.ok) : null,
      data: JSON.stringify(data),
    };
  });
  for (let start = 0; start < rows.length; start += rowsAtOnce)
    await tx
      .insertInto("traceEvents")
      .values(rows.slice(start, start + rowsAtOnce))
      .execute();
  return true;
}

/** Which of these turns are in the ledger. */
export async function importedKeys(
  ledger: Ledger,
  source: string,
  keys: readonly string[],
): Promise<Set<string>> {
  const found = new Set<string>();
  for (let start = 0; start < keys.length; start += 10_000)
    for (const { sourceKey } of await ledger.db
      .selectFrom("turns")
      .select("sourceKey")
      .where("source", "=", source)
      .where("sourceKey", "in", keys.slice(start, start + 10_000))
      .execute())
      if (sourceKey !== null) found.add(sourceKey);
  return found;
}

/** By path: how each transcript stood when it was read last. */
export async function transcriptMarks(ledger: Ledger): Promise<Map<string, TranscriptMark>> {
  const rows = await ledger.db
    .selectFrom("transcripts")
    .select(["source", "path", "bytes", "changedAt"])
    .execute();
  return new Map(rows.map((row) => [row.path, row]));
}

export async function markTranscript(ledger: Ledger, mark: TranscriptMark): Promise<void> {
  const row = { ...mark, changedAt: Math.round(mark.changedAt), importedAt: Date.now() };
  await ledger.db
    .insertInto("transcripts")
    .values(row)
    .onConflict((on) => on.column("path").doUpdateSet(row))
    .execute();
}

/** A turn with its trace, of whatever origin. */
export interface TracedTurn extends Omit<ImportedTurn, "key" | "raw"> {
  id: number;
}

/**
 * Turns with their traces, one after the other, in order.
 *
 * @param ids which; null: all of them.
 */
export async function* tracedTurns(
  ledger: Ledger,
  ids: readonly number[] | null,
): AsyncGenerator<TracedTurn> {
  const all =
    ids ?? (await ledger.db.selectFrom("turns").select("id").orderBy("id").execute()).map(({ id }) => id);
  for (const id of all) {
    const row = await ledger.db.selectFrom("turns").selectAll().where("id", "=", id).executeTakeFirst();
    if (!row) continue;
    const events = await ledger.db
      .selectFrom("traceEvents")
      .select(["at", "type", "data"])
      .where("turnId", "=", id)
      .orderBy("position")
      .execute();
    yield {
      ...{ id, agent: row.researcher, version: row.agentVersion, model: row.model, ending: row.ending },
      ...{ message: row.message, startedAt: row.startedAt, endedAt: row.startedAt + row.wallMs },
      prompt: inflateSync(row.prompt).toString(),
      usage: { input: row.tokensIn, output: row.tokensOut, cached: row.tokensCached, dollars: row.dollars },
      events: events.map(
        ({ at, type, data }) => ({ at, type, ...(JSON.parse(data) as object) }) as TraceEvent,
      ),
    };
  }
}
