import type { Criterion } from "../goals/goal.ts";

/** An expected answer that a skill's text gives away. */
export interface Leak {
  /** One sentence for a person. */
  reason: string;
  /** The goal whose answer it is. */
  goal: string;
  /** The longest run of words in common. */
  quote: string;
  /** Of the answer's words, the share that the text has in runs of at least 8 words. */
  share: number;
}

/** A goal as far as leaks are concerned. */
export interface Asked {
  /** Its name in the suite. */
  name: string;
  /** What every arm is told: words in common with it are no leak. */
  prompt: string;
  /** What is expected: `expected_output`, what checks look for. */
  answers: readonly string[];
}

/**
 * Runs of words count from this length: shorter ones are shared by chance by texts on one subject (8 words are what PaLM's
 * contamination check uses, Chowdhery et al. 2022, section 8).
 */
const gram = 8;
/** A fifth of the answer in such runs: below, Llama 2's check calls a sample clean (Touvron et al. 2023, appendix A.6). */
const mostShare = 0.2;
/** Or one run so long that it is no chance whatever the length of the answer (GPT-3, Brown et al. 2020, appendix C). */
const longRun = 13;

/**
 * Whether a skill's text holds expected answers, in which case its A/B test measures copying: the first goal whose answer
 * is given away, or null. Words are compared without case and punctuation.
 *
 * An answer of fewer than 8 words leaks when the text has all of it and it is not what anyone would write: three words or
 * more, or one with a digit and at least four characters (1432.75, 2026-03-01).
 */
export function leak(text: string, goals: readonly Asked[]): Leak | null {
  const source = words(text);
  for (const { name, prompt, answers } of goals) {
    const told = words(prompt);
    for (const answer of answers) {
      const expected = words(answer);
      const found =
        expected.length < gram ? wholeAnswer(source, told, expected) : longAnswer(source, told, expected);
      if (found)
        return {
          ...found,
          goal: name,
          reason: `its text gives away what ${name} expects: "${found.quote}"`,
        };
    }
  }
  return null;
}

/** What the checks of a goal look for, as text; rubric items and commands expect nothing literal. */
export function answersOf(criteria: readonly Criterion[]): string[] {
  return criteria.flatMap((criterion) => {
    if (criterion.kind !== "file" && criterion.kind !== "output") return [];
    const literal = criterion.contains === undefined ? [] : [criterion.contains];
    return criterion.kind === "file" && criterion.json !== undefined
      ? [...literal, JSON.stringify(criterion.json)]
      : literal;
  });
}

/** A goal that must not test the skill, and why. */
export interface Excluded<G> {
  goal: G;
  reason: string;
}

/** Of the words of two goals' texts in common runs: from here on they are one goal told twice (PaLM's bound). */
const sameGoal = 0.7;

/**
 * Divides goals into those that may test a skill and those that taught it: the same content, or very nearly the same words.
 *
 * @param sources the goals whose traces taught the skill.
 */
export function testGoals<G extends { hash: string; text: string }>(
  goals: readonly G[],
  sources: readonly { hash: string; title: string; text: string }[],
): { suite: G[]; excluded: Excluded<G>[] } {
  const suite: G[] = [];
  const excluded: Excluded<G>[] = [];
  for (const goal of goals) {
    const same = sources.find(({ hash, text }) => hash === goal.hash || alike(goal.text, text));
    if (same) excluded.push({ goal, reason: `the skill was learned from "${same.title}"` });
    else suite.push(goal);
  }
  return { suite, excluded };
}

function alike(a: string, b: string): boolean {
  const [one, other] = [words(a), words(b)];
  if (one.length < gram || other.length < gram) return one.join(" ") === other.join(" ");
  return covered(one, other).share >= sameGoal && covered(other, one).share >= sameGoal;
}

function wholeAnswer(
  source: readonly string[],
  told: readonly string[],
  expected: readonly string[],
): { quote: string; share: number } | null {
  const telling = expected.length >= 3 || expected.some((word) => word.length >= 4 && /\d/.test(word));
  return telling && holds(source, expected) && !holds(told, expected)
    ? { quote: expected.join(" "), share: 1 }
    : null;
}

function longAnswer(
  source: readonly string[],
  told: readonly string[],
  expected: readonly string[],
): { quote: string; share: number } | null {
  const { share, longest } = covered(expected, source, told);
  return share >= mostShare || longest.length >= longRun ? { quote: longest.join(" "), share } : null;
}

/** How much of a text lies in runs of words that another has too, and that a third does not have. */
function covered(
  text: readonly string[],
  by: readonly string[],
  but: readonly string[] = [],
): { share: number; longest: readonly string[] } {
  const [shared, known] = [grams(by), grams(but)];
  const marked = text.map(() => false);
  let longest: readonly string[] = [];
  let start = 0;
  for (let at = 0; at + gram <= text.length; at++) {
    const run = text.slice(at, at + gram).join(" ");
    if (!shared.has(run) || known.has(run)) {
      start = at + 1;
      continue;
    }
    marked.fill(true, at, at + gram);
    if (at + gram - start > longest.length) longest = text.slice(start, at + gram);
  }
  return { share: marked.filter(Boolean).length / Math.max(1, text.length), longest };
}

function grams(of: readonly string[]): Set<string> {
  const all = new Set<string>();
  for (let at = 0; at + gram <= of.length; at++) all.add(of.slice(at, at + gram).join(" "));
  return all;
}

function holds(text: readonly string[], part: readonly string[]): boolean {
  return part.length > 0 && ` ${text.join(" ")} `.includes(` ${part.join(" ")} `);
}

/** Lower-case runs of letters and digits; a point, comma or hyphen between digits belongs to the number. */
function words(text: string): string[] {
  return text.toLowerCase().match(/\p{N}+(?:[.,-]\p{N}+)+|[\p{L}\p{N}]+/gu) ?? [];
}
