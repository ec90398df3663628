import { UserError } from "../../errors.ts";
import type { Detected } from "./layouts/index.ts";
import type { Direction } from "./printed.ts";
import type { Answers } from "./write.ts";

/** What a person said in advance. */
export interface Flags {
  goal?: string;
  metric?: string;
  direction?: string;
  /** Globs, separated by commas. */
  change?: string;
  run?: string;
  score?: string;
  checks?: string;
  budget?: string;
  /** Whetstone times the run itself. */
  clocked?: boolean;
}

/** The answers that no file can give with certainty. */
const asked = ["run", "change", "metric", "direction"] as const;
export type Question = (typeof asked)[number];

export interface Known extends Omit<Answers, Question | "goal"> {
  goal?: string;
  run?: string;
  change?: string[];
  metric?: string;
  direction?: Direction;
}

/**
 * Flags before what was found, and what is left to be asked.
 *
 * @throws UserError for a direction that is none.
 */
export function questions(detected: Detected, flags: Flags): { known: Known } {
  const clocked = flags.clocked ?? false;
  // Another metric than the one that was found says nothing about that one's direction.
  const same = flags.metric === undefined || flags.metric === detected.metric?.value;
  const direction = flags.direction ?? (clocked ? "minimize" : same ? detected.direction?.value : undefined);
  if (direction !== undefined && direction !== "minimize" && direction !== "maximize")
    throw new UserError(`--direction is minimize or maximize, not ${direction}`);
  const change = flags.change === undefined ? detected.change?.value : flags.change;
  const metric = flags.metric ?? (clocked ? "seconds" : detected.metric?.value);
  const run = flags.run ?? detected.run?.value;
  const score = clocked ? flags.score : (flags.score ?? detected.score?.value);
  const evaluator = clocked || flags.score || flags.run ? undefined : detected.evaluator?.value;
  const checks = flags.checks ?? detected.checks?.value;
  const known: Known = {
    budget: flags.budget ?? detected.budget?.value ?? "5m",
    limits: detected.limits?.value ?? {},
    inputs: detected.inputs?.value ?? [],
    clocked,
    ...(flags.goal ? { goal: flags.goal } : {}),
    ...(metric ? { metric } : {}),
    ...(direction ? { direction } : {}),
    ...(change ? { change: splitGlobs(change) } : {}),
    ...(run ? { run } : {}),
    ...(score && !evaluator ? { score } : {}),
    ...(evaluator ? { evaluator } : {}),
    ...(detected.source && !clocked && same ? { source: detected.source.value } : {}),
    ...(detected.clock && !clocked && same && flags.run === undefined ? { clock: detected.clock.value } : {}),
    ...(detected.write ? { grants: { write: `[${detected.write.value.join(", ")}]` } } : {}),
    ...(detected.session ? { session: detected.session.value } : {}),
    ...(checks ? { checks } : {}),
    ...(detected.build ? { build: detected.build.value } : {}),
  };
  return { known };
}

/** What must still be said. An evaluator of another tool needs no command. */
export function missing(known: Known): Question[] {
  return asked.filter((name) => known[name] === undefined && !(name === "run" && known.evaluator));
}

/** `a.ts, src/{b,c}.ts` at the commas outside of braces and brackets. */
export function splitGlobs(text: string): string[] {
  const globs: string[] = [];
  let depth = 0;
  let glob = "";
  for (const character of text) {
    if ("{[(".includes(character)) depth++;
    if ("}])".includes(character)) depth--;
    if (character === "," && depth <= 0) {
      globs.push(glob);
      glob = "";
    } else glob += character;
  }
  return [...globs, glob].map((each) => each.trim()).filter((each) => each !== "");
}
