import * as decision from "../../decision/index.ts";
import { type EvaluationRow, type ExperimentRow, holdoutLooks } from "../../ledger/index.ts";
import { type Course, decidingStage, holdoutPairs } from "../../strategy/index.ts";
import { measureRun } from "../measure.ts";
import type { Session } from "../session.ts";

/** Whether its data may not be looked at any more; looks of the experiment `except` do not count. */
async function holdoutIsUsedUp({ ledger, row, contract }: Session, except: number): Promise<boolean> {
  const allowed = contract.holdout?.looks;
  if (allowed === undefined || row.holdoutData === null) return false;
  return (await holdoutLooks(ledger, row.holdoutData, except)) >= allowed;
}

/** Why a session can keep nothing more, in words for a person; null: its holdout may still be looked at. */
export async function holdoutLimit(session: Session): Promise<string | null> {
  if (!(await holdoutIsUsedUp(session, 0))) return null;
  return `the holdout has been looked at ${session.contract.holdout?.looks} times, which is the limit: nothing more can be kept until it has fresh data`;
}

/** Pairs of candidate and incumbent on the holdout; the looks of all sessions at this data together are limited. */
export async function lookAtHoldout(
  session: Session,
  look: {
    experiment: ExperimentRow;
    files: Record<string, string>;
    incumbent: Course["incumbent"];
    recorded: readonly EvaluationRow[];
    position: number;
  },
): Promise<EvaluationRow[]> {
  const { experiment, incumbent, recorded } = look;
  if (await holdoutIsUsedUp(session, experiment.id)) return [];
  const runs = recorded.filter((run) => run.purpose === "holdout");
  const stage = decidingStage(session.contract);
  const fresh: EvaluationRow[] = [];
  for (let round = 1; round <= holdoutPairs; round++) {
    const order =
      round % 2 === 1 ? (["incumbent", "candidate"] as const) : (["candidate", "incumbent"] as const);
    for (const arm of order) {
      let run = runs.find((each) => each.round === round && each.arm === arm);
      if (!run) {
        const previous = [...runs, ...fresh].find((each) => each.round === round);
        const own = arm === "candidate";
        run = await measureRun(session, {
          ask: {
            ...{ arm, seed: previous ? "same" : "fresh", purpose: "holdout", round },
            ...(stage === null ? {} : { stage }),
          },
          position: look.position + runs.length + fresh.length,
          previousSeed: previous?.seed ?? null,
          owner: {
            experimentId: experiment.id,
            auditId: null,
            label: `holdout ${experiment.number}`,
            number: experiment.number,
          },
          state: own ? experiment.state : incumbent.state,
          files: own ? look.files : incumbent.files,
          rounds: holdoutPairs,
          split: "holdout",
        });
        fresh.push(run);
      }
      // A holdout that does not even work for what is kept would veto all the night long.
      if (arm === "incumbent" && run.value === null)
        throw new decision.IncumbentFails(run.failureMessage ?? "no value", "fails on the holdout");
    }
  }
  return [...runs, ...fresh];
}
