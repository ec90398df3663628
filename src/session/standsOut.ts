import { mean } from "../base/index.ts";
import * as decision from "../decision/index.ts";

/** How unlike the others a run must be before a person is told of it, whatever the session's rule makes of it. */
const level = 0.01;

/** Which run of the baseline is unlike the others, and what that does, as a sentence; none where all are alike. */
export function oddRun(values: readonly number[], { outlier }: Pick<decision.Rule, "outlier">): string[] {
  const odd = decision.standsOut(values, level);
  if (odd === null) return [];
  const others = mean(decision.without(values, odd));
  const what = `run ${odd + 1} of the untouched code stands out: ${figure(values[odd] as number)}, and ${figure(others)} on the mean of the others`;
  const cause =
    odd === 0
      ? "the first run finds cold caches: `warmup: 1` in program.md begins with a run that is not counted"
      : "something else may have used the machine";
  const passedOver = decision.standsOut(values, outlier) !== null;
  return [
    `${what} (${cause}). ${passedOver ? "It is left out of the mean and hardly counts as noise" : "It counts as noise, so that only great improvements can be seen: `whet check --fresh` measures anew"}`,
  ];
}

function figure(value: number): string {
  return String(Number(value.toPrecision(4)));
}
