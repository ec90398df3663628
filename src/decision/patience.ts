import type { Ask, Sample } from "./decision.ts";
import type { Coroutine, Judgement } from "./judge.ts";
import type { Noise } from "./noise.ts";
import type { Rule } from "./rule.ts";

/**
 * A judgement that does not blame a candidate for an evaluator that fails now and then: a crashed run is repeated once
 * before it counts. A candidate has one such repetition, and up to `retries` where runs of the incumbent have failed as
 * well, or crashes of earlier candidates went away when they were repeated.
 */
export function* patient<Result extends Judgement>(
  rule: Rule,
  noise: Noise,
  inner: Coroutine<Result>,
): Coroutine<Result> {
  let unblamed = 0;
  let repeated = 0;
  let cured = 0;
  const allowed = () => (noise.failures + unblamed > 0 ? rule.retries : Math.min(1, rule.retries));
  let step = inner.next();
  while (!step.done) {
    let sample: Sample = yield step.value;
    if (step.value.arm !== "candidate") unblamed += sample.ok ? 0 : 1;
    else if (mayRepeat(sample) && repeated < allowed()) {
      repeated++;
      sample = yield step.value;
      if (sample.ok) cured++;
    }
    step = inner.next(sample);
  }
  const { value } = step;
  const count = unblamed + cured;
  return count === 0 ? value : { ...value, learned: [...value.learned, { of: "failures", count }] };
}

/** Only a crash: a run that is too slow or too large, or judged and found wanting, would be so again. */
function mayRepeat(sample: Sample): boolean {
  return !sample.ok && sample.kind === "crash" && sample.limit !== true;
}

/** The same questions, each failed one asked again: of two states that are compared both are known to run. */
export function* repeating<Result>(
  inner: Generator<Ask, Result, Sample>,
  most: { inARow: number; together: number },
): Generator<Ask, Result, Sample> {
  let spent = 0;
  let step = inner.next();
  while (!step.done) {
    let sample: Sample = yield step.value;
    for (let again = 0; !sample.ok && again < most.inARow && spent < most.together; again++) {
      spent++;
      sample = yield step.value;
    }
    step = inner.next(sample);
  }
  return step.value;
}
