import { UserError } from "../../errors.ts";
import { evaluationRow, type Ledger, trialsOf } from "../../ledger/index.ts";
import { abTest } from "../statistics/ab.ts";
import type { AbRule } from "../statistics/abRule.ts";
import { calibrate } from "../statistics/calibrate.ts";
import type { SuiteTask } from "../statistics/schedule.ts";
import { auditTest, auditWords } from "./auditEdits.ts";
import { calibrationWords } from "./calibrateSuite.ts";
import { replayTest } from "./drive.ts";

export interface Replayed {
  evaluation: number;
  runs: number;
  recorded: string;
  verdict: string;
  same: boolean;
}

/**
 * Derives the verdict of a finished test again, from nothing but what the ledger has of it: its rule, its tasks and its
 * runs.
 *
 * @throws UserError when there is no such test, or it is not over.
 */
export async function replayEvaluation(ledger: Ledger, id: number): Promise<Replayed> {
  const row = await evaluationRow(ledger, id);
  if (!row || row.kind === "trigger")
    throw new UserError(`there is no test #${id}`, "`whet forge status` lists them");
  if (row.endedAt === null)
    throw new UserError(`test #${id} is not over`, "the command that began it goes on with it");
  const { rule, tasks, replicates, seed } = JSON.parse(row.setup) as {
    rule: AbRule;
    tasks: SuiteTask[];
    replicates?: number;
    seed?: number;
  };
  const trials = await trialsOf(ledger, id);
  const recorded = `${row.decision ?? ""} ${row.reason ?? ""}`.trim();
  let verdict: string;
  if (row.kind === "calibration")
    verdict = calibrationWords(replayTest(calibrate(tasks, rule, replicates), trials));
  else if (row.kind === "audit")
    verdict = auditWords(replayTest(auditTest(tasks, replicates ?? 0, seed ?? 0), trials));
  else {
    const { outcome, reason } = replayTest(abTest(tasks, rule), trials);
    verdict = `${outcome} ${reason}`;
  }
  return { evaluation: id, runs: trials.length, recorded, verdict, same: verdict === recorded };
}
