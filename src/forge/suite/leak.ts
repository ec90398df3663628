import type { Criterion } from "../../goals/index.ts";
import { covered, gram, words } from "./wordRuns.ts";

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
  answers: readonly Answer[];
}

/** A text; or values that an assertion looks for together, in whatever order and form a skill may list them. */
export type Answer = string | readonly string[];

/** A fifth of the answer in such runs: below, Llama 2's check calls a sample clean (Touvron et al. 2023, appendix A.6). */
const mostShare = 0.2;
/** Shorter runs count when they make up half of an answer: then it is nearly all there, with a word changed here and there. */
const nearGram = 4;
const nearShare = 0.5;
/** Or one run so long that it is no chance whatever the length of the answer (GPT-3, Brown et al. 2020, appendix C). */
const longRun = 13;

/**
 * Whether a skill's text holds expected answers, in which case its A/B test measures copying: the first goal whose answer
 * is given away, or null. Words are compared without case, punctuation and white space, numbers and dates by what they
 * mean: 1,432.750 is 1432.75, 2026/3/1 is 2026-03-01.
 *
 * An answer of fewer than 8 words leaks when the text has all of it and it is not what anyone would write: three words or
 * more, or one with a digit and at least four characters (1432.75, 2026-03-01) that is no year. Values of one assertion leak
 * when at least two of them (or its only one), and half of those that the goal does not tell, are there.
 */
export function leak(text: string, goals: readonly Asked[], where = "its text"): Leak | null {
  const source = words(text);
  for (const { name, prompt, answers } of goals) {
    const told = words(prompt);
    for (const answer of answers) {
      const found =
        typeof answer === "string" ? textIn(source, told, words(answer)) : valuesIn(source, told, answer);
      if (found)
        return {
          ...found,
          goal: name,
          reason: `${where} gives away what ${name} expects: "${found.quote}"`,
        };
    }
  }
  return null;
}

/**
 * The same for all that a skill gives to agents: one of its files, or several together.
 *
 * @param texts by path; the first is the skill itself.
 */
export function leakIn(texts: ReadonlyMap<string, string>, goals: readonly Asked[]): Leak | null {
  for (const [path, text] of texts) {
    const found = leak(text, goals, path === "SKILL.md" ? undefined : path);
    if (found) return found;
  }
  return leak([...texts.values()].join("\n"), goals);
}

/** What the leak check cannot see, a sentence each: answers so short that any text may hold them by chance. */
export function unseenLeaks(texts: ReadonlyMap<string, string>, goals: readonly Asked[]): string[] {
  const source = words([...texts.values()].join("\n"));
  const short = goals.flatMap(({ name, prompt, answers }) => {
    const told = words(prompt);
    return answers.flat().flatMap((answer) => {
      const expected = words(answer);
      const seen = expected.length === 0 || expected.length >= gram || isTelling(expected);
      return seen || holds(told, expected) ? [] : [{ name, quote: expected.join(" ") }];
    });
  });
  if (short.length === 0) return [];
  const listed = (all: readonly { name: string; quote: string }[]) => {
    const quotes = [...new Set(all.map(({ quote }) => `"${quote}"`))];
    const names = [...new Set(all.map(({ name }) => name))];
    const some = (of: readonly string[]) =>
      `${of.slice(0, 3).join(", ")}${of.length > 3 ? ` and ${of.length - 3} more` : ""}`;
    return `${some(quotes)} (${some(names)})`;
  };
  const there = short.filter(({ quote }) => holds(source, quote.split(" ")));
  return [
    `answers too short to be told from chance in a text: ${listed(short)}; whether the skill gives them away cannot be seen`,
    ...(there.length === 0 ? [] : [`its text does hold ${listed(there)}: see whether it tells the answer`]),
  ];
}

/** What the checks of a goal look for, and what rubric items quote; a long one that is hidden is an answer itself. */
export function answersOf(criteria: readonly Criterion[]): Answer[] {
  return criteria.flatMap((criterion): Answer[] => {
    if (criterion.kind === "rubric")
      return [
        // A short one is a rule that a good skill may well say.
        ...(criterion.hidden && words(criterion.text).length >= gram ? [criterion.text] : []),
        ...literalsOfRubric(criterion.text),
      ];
    if (criterion.kind === "command") return literalsOfCommand(criterion.command);
    const { contains, matches } = criterion;
    const literal = [
      ...(contains === undefined ? [] : [contains]),
      ...(matches === undefined ? [] : literalsOfPattern(matches)),
    ];
    if (criterion.kind === "output" || criterion.json === undefined) return literal;
    return [...literal, JSON.stringify(criterion.json), leavesOf(criterion.json)];
  });
}

/** The texts and numbers in a JSON value. */
function leavesOf(value: unknown): string[] {
  if (typeof value === "string" || typeof value === "number") return [String(value)];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(leavesOf) : [];
}

/** The parts of a regular expression that stand for themselves. */
function literalsOfPattern(pattern: string): string[] {
  return pattern
    .replace(
      /\\[dDwWsSbBpP](?:\{[^}]*\})?|\{\d*,?\d*\}|\[(?:\\.|[^\]\\])*\]|\(\?(?:[:=!]|<[=!]?)?|(?<!\\)[\^$|()*+?.]/g,
      "\n",
    )
    .replace(/\\([^\n])/g, "$1")
    .split("\n")
    .filter((part) => part.trim() !== "");
}

/**
 * What a command compares with, as far as it can be told from what it runs: quoted plain words, and numbers that are no
 * round ones (five significant digits), such as no port, limit or year has.
 */
function literalsOfCommand(command: string): string[] {
  const quoted = [...command.matchAll(/"([^"(){};=$]+)"|'([^'(){};=$]+)'/g)].map(
    ([, a, b]) => (a ?? b) as string,
  );
  const numbers = words(command).filter(
    (word) => /^[\d.,-]+$/.test(word) && word.replace(/\D/g, "").replace(/^0+|0+$/g, "").length >= 5,
  );
  return [...quoted.filter((text) => words(text).length >= 3), ...numbers];
}

/** What a sentence for the judge quotes, and its numbers. */
function literalsOfRubric(text: string): string[] {
  const quoted = [...text.matchAll(/"([^"]+)"|“([^”]+)”|`([^`]+)`/g)].map(([, a, b, c]) => a ?? b ?? c ?? "");
  const numbers = words(text).filter((word) => /^[\d.,-]+$/.test(word) && isTelling([word]));
  return [...quoted.filter((quote) => isTelling(words(quote))), ...numbers];
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

interface Found {
  quote: string;
  share: number;
}

function textIn(
  source: readonly string[],
  told: readonly string[],
  expected: readonly string[],
): Found | null {
  return expected.length < gram ? wholeAnswer(source, told, expected) : longAnswer(source, told, expected);
}

/** Nobody writes this by chance. */
function isTelling(expected: readonly string[]): boolean {
  return (
    expected.length >= 3 ||
    expected.some((word) => word.length >= 4 && /\d/.test(word) && !/^(?:19|20)\d\d$/.test(word))
  );
}

function wholeAnswer(
  source: readonly string[],
  told: readonly string[],
  expected: readonly string[],
): Found | null {
  return isTelling(expected) && holds(source, expected) && !holds(told, expected)
    ? { quote: expected.join(" "), share: 1 }
    : null;
}

function valuesIn(
  source: readonly string[],
  told: readonly string[],
  values: readonly string[],
): Found | null {
  const telling = [...new Set(values)].map(words).filter((value) => isTelling(value) && !holds(told, value));
  const there = telling.filter((value) => textIn(source, told, value) !== null);
  const share = there.length / Math.max(1, telling.length);
  return there.length >= Math.min(2, telling.length) && share >= nearShare
    ? { quote: there.map((value) => value.join(" ")).join(", "), share }
    : null;
}

function longAnswer(
  source: readonly string[],
  told: readonly string[],
  expected: readonly string[],
): Found | null {
  const { share, longest } = covered(expected, source, told);
  if (share >= mostShare || longest.length >= longRun) return { quote: longest.join(" "), share };
  const near = covered(expected, source, told, nearGram);
  return near.share >= nearShare ? { quote: near.longest.join(" "), share: near.share } : null;
}

function holds(text: readonly string[], part: readonly string[]): boolean {
  return part.length > 0 && ` ${text.join(" ")} `.includes(` ${part.join(" ")} `);
}
