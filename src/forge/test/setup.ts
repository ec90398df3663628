import type { Arm, EvaluationKind, SkillEvaluationRow, TrialRow } from "../../ledger/index.ts";
import { type AbRule, abRule } from "../statistics/abRule.ts";
import type { SuiteTask } from "../statistics/schedule.ts";
import type { SuiteGoal } from "../suite/suite.ts";
import type { RunTrial } from "./drive.ts";

/** With whom goals are run. */
export interface Who {
  /** In the words of `researcher` in program.md, e.g. `claude` or `model: provider/name`. */
  agent: string;
  model: string | null;
  judge: string | null;
}

/** What each arm of a test is given. */
export interface Arms {
  goals: readonly SuiteGoal[];
  /** Paths that no run may see: what the suite was read from. */
  hide: readonly string[];
  /** The skill's name: offered under no other version than the arm's own. */
  skill: string;
  /** Versions by arm; `without` has none. */
  versions: Partial<Record<Arm, number>>;
}

/** Who runs goals: live, or a simulated world. */
export interface Runner {
  who: Who;
  /** False: the arms have no other skill. Default true. */
  library?: boolean;
  /** True: skills are given with their whole text in the prompt, whoever the agent is. */
  whole?: boolean;
  trials(arms: Arms): RunTrial;
}

/** What the ledger keeps of a test, so that it goes on, and is derived again, as it was begun. */
export interface TestSetup {
  rule: AbRule;
  versions: Arms["versions"];
  who: Who;
  library: boolean;
  whole?: boolean;
  tasks: SuiteTask[];
  /** Hashes of what its goals ask for, wherever they lie; older tests have none. */
  goals?: string[];
}

/** A test that was begun. */
export interface Recorded {
  row: SkillEvaluationRow;
  setup: TestSetup;
}

/** What a test is a test of: all that its verdict depends on, save luck. */
export interface Question extends Omit<TestSetup, "goals"> {
  kind: EvaluationKind;
  suiteHash: string;
}

/** What is on record of a question. */
export interface OnRecord {
  /** It was answered. */
  ended: Recorded | null;
  /** It was begun and is not over. */
  open: Recorded | null;
  /** The same text was put to the same goals, but with other agents, models, judges or arms. */
  otherwise: Recorded | null;
}

/** The rule for so many goals: a large suite needs two rounds at least, so that something repeats. */
export function ruleFor(
  { rule, before }: { rule?: Partial<AbRule> | undefined; before?: number | undefined },
  goals: number,
): AbRule {
  const arms = rule?.placebo ? 3 : 2;
  return abRule({
    maxRuns: Math.max(abRule().maxRuns, 2 * arms * goals),
    ...rule,
    control: before === undefined ? "without" : "before",
  });
}

export function suiteTasks(goals: readonly SuiteGoal[]): { task: string; family: string }[] {
  return goals.map(({ name, goal }) => ({ task: name, family: goal.family }));
}

/** Tokens and dollars of runs; null as soon as one did not say. */
export function totals(trials: readonly TrialRow[]): { tokens: number | null; dollars: number | null } {
  const sum = (values: (number | null)[]) =>
    values.reduce<number | null>((a, b) => (a === null || b === null ? null : a + b), 0);
  return {
    tokens: sum(trials.map(({ trial }) => trial.tokens)),
    dollars: sum(trials.map(({ trial }) => trial.dollars)),
  };
}
