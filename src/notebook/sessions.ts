import { programHashAt, workingProcess } from "../lab/index.ts";
import {
  counts,
  experiments,
  type Ledger,
  latestAudit,
  reviewsOf,
  type SessionRow,
  sessions,
  storedProgram,
  wasPutToWork,
} from "../ledger/index.ts";
import { fallen } from "../strategy/index.ts";
import type { SessionLine } from "./model.ts";

/**
 * The session that is meant where none is named: the one that a process works on, else the newest that the contract of
 * now belongs to, else the newest with experiments, else the newest. One that `whet check` alone began stands behind all
 * that hold experiments.
 *
 * @param path the lab folder or a contract file.
 */
export async function sessionMeant(ledger: Ledger, path: string): Promise<SessionRow | null> {
  const all = await sessions(ledger);
  const held = all.find((row) => workingProcess(row) !== null);
  if (held || all.length < 2) return held ?? all[0] ?? null;
  const hash = await programHashAt(path);
  const fitting = all.filter((row) => row.programHash === hash);
  return (
    fitting.find(wasPutToWork) ?? (await newestTried(ledger, all)) ?? fitting[0] ?? (all[0] as SessionRow)
  );
}

async function newestTried(ledger: Ledger, all: readonly SessionRow[]): Promise<SessionRow | null> {
  for (const row of all) if ((await experiments(ledger, row.id, { limit: 1 })).length > 0) return row;
  return null;
}

/** The lab's sessions in few words, newest first, except one that is known already. */
export async function sessionLines(ledger: Ledger, except?: number): Promise<SessionLine[]> {
  const lines: SessionLine[] = [];
  for (const row of await sessions(ledger)) {
    if (row.id === except) continue;
    const { metric } = storedProgram(row.program).contract;
    const keeps = await experiments(ledger, row.id, { kinds: ["keep"] });
    const gone = fallen(
      keeps.map((keep) => keep.number),
      await reviewsOf(ledger, row.id),
    );
    const standing = keeps.filter((keep) => !gone.has(keep.number));
    const audit = await latestAudit(ledger, row.id);
    const sound = audit?.endedAt != null && audit.finalState === (standing.at(-1)?.state ?? row.baseState);
    lines.push({
      tag: row.tag,
      began: row.startedAt ?? row.createdAt,
      experiments: Object.values(await counts(ledger, row.id)).reduce((sum, n) => sum + n, 0),
      keeps: standing.length,
      metric: {
        name: metric.name,
        direction: metric.direction,
        ...(metric.unit === undefined ? {} : { unit: metric.unit }),
      },
      audited: sound
        ? { effect: audit.effect as number, interval: [audit.low as number, audit.high as number] }
        : null,
      stopReason: row.holder === null ? row.stopReason : null,
      process: workingProcess(row),
    });
  }
  return lines;
}
