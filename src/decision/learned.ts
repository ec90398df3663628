import { mean } from "../base/index.ts";
import { control, firstNoise, type Noise, type Scale, widen } from "./noise.ts";
import type { Rule } from "./rule.ts";
import { median } from "./spread.ts";

/**
 * One thing that the runs of a decision taught about the incumbent and the noise. A judgement returns what it learned
 * instead of a new `Noise`, because several candidates may be judged at once: each begins from the noise of its own
 * start, and what they teach is added up in the order of their decisions (`learn`). Values are oriented so that higher
 * is better.
 */
export type Lesson =
  /** The unchanged incumbent gave `y`. */
  | { of: "control"; y: number }
  /** The candidate ran so many times since the incumbent last ran. */
  | { of: "screen"; runs: number }
  /** The candidate was good enough to be raced. */
  | { of: "race" }
  /** Differences within the pairs of a race; the incumbent has just run. */
  | { of: "pairs"; differences: readonly number[] }
  /** The candidate is the incumbent from now on; `ref` are its runs. */
  | { of: "keep"; ref: readonly number[]; allowance: number }
  /** The evaluator turned out not to be deterministic. */
  | { of: "noise"; ref: readonly number[]; one: Scale; pair: Scale }
  /** Runs failed without anybody's fault. */
  | { of: "failures"; count: number }
  /** The same about a lower rung of the ladder. */
  | { of: "rung"; index: number; lessons: readonly Lesson[] }
  /** On a lower rung: runs of the new incumbent there. */
  | { of: "settled"; ref: readonly number[] };

/** What is known after the lessons of one decision. Pure: `noise` is not changed. */
export function learn(rule: Rule, noise: Noise, lessons: readonly Lesson[]): Noise {
  return lessons.reduce((known, lesson) => afterOne(rule, known, lesson), noise);
}

function afterOne(rule: Rule, noise: Noise, lesson: Lesson): Noise {
  switch (lesson.of) {
    case "control":
      return control(noise, rule, lesson.y);
    case "screen":
      return { ...noise, sinceIncumbent: noise.sinceIncumbent + lesson.runs };
    case "race":
      return { ...noise, raced: noise.raced + 1 };
    case "pairs":
      return { ...noise, sinceIncumbent: 0, pair: widerPair(rule, noise, lesson.differences) };
    case "keep":
      return {
        ...noise,
        ref: [...lesson.ref],
        // Read while the evaluator is deterministic, and meaningless otherwise.
        record: noise.deterministic ? (lesson.ref[0] as number) : noise.record,
        keeps: noise.keeps + 1,
        sinceIncumbent: noise.deterministic ? noise.sinceIncumbent : 0,
        allowance: noise.allowance + lesson.allowance,
      };
    case "noise": {
      const { ref, one, pair } = lesson;
      return { ...noise, ref: [...ref], one, pair, deterministic: false, sinceIncumbent: 0 };
    }
    case "failures":
      return { ...noise, failures: noise.failures + lesson.count };
    case "rung":
      return { ...noise, rungs: noise.rungs.map((rung, index) => taught(rule, rung, index, lesson)) };
    case "settled":
      return settled(noise, lesson.ref);
  }
}

function taught(rule: Rule, rung: Noise, index: number, lesson: Extract<Lesson, { of: "rung" }>): Noise {
  return index === lesson.index ? learn(rule, rung, lesson.lessons) : rung;
}

/** The spread within pairs, once the differences of a race are counted; a single one says nothing of a spread. */
function widerPair(rule: Rule, { pair }: Noise, differences: readonly number[]): Scale {
  if (differences.length <= 1) return pair;
  const centre = median(differences);
  const square = differences.reduce((sum, D) => sum + Math.min((D - centre) ** 2, rule.winsor * pair.v), 0);
  return widen(pair, square, differences.length - 1, rule.dfForget);
}

/** A rung on which the new incumbent has been measured. */
function settled(before: Noise, ref: readonly number[]): Noise {
  if (before.deterministic) return { ...before, ref: [...ref], record: ref[0] as number };
  const own = firstNoise(ref);
  // A rung that showed noise before has it still, whatever a few equal runs say.
  const one = own.deterministic ? before.one : { v: (before.one.v + own.one.v) / 2, df: before.one.df };
  return { ...before, ref: [...ref], one, record: mean(ref), sinceIncumbent: 0 };
}
