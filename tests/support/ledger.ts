import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "vitest";
import type { SessionEvent } from "../../src/notebook/events.ts";

/** One value out of a lab's ledger, read beside Whetstone. */
export function query<Value = number>(lab: string, sql: string, ...values: unknown[]): Value {
  return withLedger(
    lab,
    (db) =>
      db
        .prepare(sql)
        .pluck()
        .get(...values) as Value,
  );
}

/** Does to a ledger what nobody should. */
export function tamper(lab: string, sql: string): void {
  withLedger(lab, (db) => db.exec(sql));
}

function withLedger<Result>(lab: string, use: (db: Database.Database) => Result): Result {
  const db = new Database(join(lab, ".whetstone", "ledger.db"));
  try {
    return use(db);
  } finally {
    db.close();
  }
}

/** The events of `whet run --json`; the last line may be half a one. */
export function eventsOf(stdout: string): SessionEvent[] {
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as SessionEvent);
}

/** Everything that was reported as recorded is in the ledger. */
export function expectAcknowledged(lab: string, events: readonly SessionEvent[]): void {
  expect(query<string>(lab, "pragma integrity_check")).toBe("ok");
  for (const event of events) {
    if (event.type === "evaluation") {
      const { state, seed, startedAt } = event.evaluation;
      const sql = "select count(*) from evaluations where state = ? and seed = ? and started_at = ?";
      expect(query(lab, sql, state, seed, startedAt)).toBe(1);
    } else if (event.type === "decision") {
      const sql =
        "select d.kind from decisions d join experiments e on e.id = d.experiment_id where e.number = ?";
      expect(query<string>(lab, sql, event.number)).toBe(event.decision.kind);
    }
  }
}
