import type { Contract } from "../contract/index.ts";
import * as decision from "../decision/index.ts";
import type { EvaluationRow } from "../ledger/index.ts";
import type { Course } from "./course.ts";
import { brokenGuard } from "./guards.ts";
import { samplesOf } from "./judging.ts";
import { decidingStage } from "./ladder.ts";

/**
 * Whether what is kept drifts away from what is wanted: gains that do not show on the holdout, or a guard that each
 * keep left within its tolerance and all of them together did not. A sentence, or null.
 */
export function alarm(
  session: { contract: Contract; baseline: readonly EvaluationRow[] },
  course: Pick<Course, "gains" | "incumbent">,
): string | null {
  const apart = decision.divergence(course.gains);
  if (apart !== null) return apart;
  if (course.gains.length < 2) return null;
  const start = samplesOf(session.baseline, "baseline", decidingStage(session.contract));
  const crept = brokenGuard(session.contract, course.incumbent.samples, start);
  return crept === null ? null : `the keeps together wear a guard down (compared with the start): ${crept}`;
}
