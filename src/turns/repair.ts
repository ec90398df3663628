import { awaitsRepair, changeOf, evaluationsOf, experiments } from "../ledger/index.ts";
import type { Repair } from "../researcher/index.ts";
import type { Session } from "../session/index.ts";

/** The crash that is to be mended next, and by whom; null: none. A crash gets one repair turn, right after it. */
export async function crashToRepair({
  ledger,
  row,
}: Pick<Session, "ledger" | "row">): Promise<{ researcher: string; repair: Repair } | null> {
  const [last] = await experiments(ledger, row.id, { limit: 1 });
  if (last?.decision?.kind !== "crash" || !(await awaitsRepair(ledger, row.id, last.id))) return null;
  const { after } = await changeOf(ledger, last.id);
  const broken = (await evaluationsOf(ledger, { experiment: last.id })).findLast(
    (run) => run.arm === "candidate" && run.failureKind !== null && run.purpose !== "holdout",
  );
  return {
    researcher: last.researcher,
    repair: {
      number: last.number,
      proposal: {
        hypothesis: {
          what: last.what,
          ...(last.mechanism === null ? {} : { mechanism: last.mechanism }),
          ...(last.prediction === null ? {} : { prediction: last.prediction }),
        },
        changes: after,
      },
      kind: broken?.failureKind ?? "crash",
      reason: last.decision.reason,
      logTail: broken && broken.failureKind !== "scorer" ? broken.logTail : "",
    },
  };
}
