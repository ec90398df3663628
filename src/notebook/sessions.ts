import { workingProcess } from "../lab/index.ts";
import {
  counts,
  experiments,
  type Ledger,
  latestAudit,
  reviewsOf,
  sessions,
  storedProgram,
} from "../ledger/index.ts";
import { fallen } from "../strategy/index.ts";
import type { SessionLine } from "./model.ts";

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
