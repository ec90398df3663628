import {
  type Ledger,
  type SkillEvaluationRow,
  skillEvaluationRows,
  skillUseCounts,
  skillVersionRows,
  type Trial,
  trialTexts,
} from "../ledger/index.ts";
import { requireSkill } from "./library.ts";

/** What a skill cost to test, what it brings each time, and whether that has come back. Null is unknown, never zero. */
export interface Payback {
  /** How often it was offered, and how often it is known to have been read. */
  uses: number;
  loaded: number;
  /** Milliseconds since the epoch; null: never. */
  lastUsedAt: number | null;
  /** Of all versions together. */
  testing: { evaluations: number; tokens: number | null; dollars: number | null; ms: number | null };
  /** With minus without, per run, by the newest finished test of the version in use; null: not tested. */
  perUse: {
    /** Points of score, with the 95 % interval. */
    points: number;
    low: number | null;
    high: number | null;
    /** Tokens and milliseconds saved; negative: it costs more. */
    tokens: number | null;
    ms: number | null;
  } | null;
  /** So many reads until saved tokens (time) have paid for the tests; null: unknown, or it saves none. */
  usesToPayBack: { tokens: number | null; ms: number | null };
  /** Gained over the reads so far, less the cost of testing. */
  balance: { points: number | null; tokens: number | null; ms: number | null };
}

/** @throws UserError when the library has no such skill. */
export async function paybackOf(ledger: Ledger, name: string): Promise<Payback> {
  const row = await requireSkill(ledger, name);
  const versions = await skillVersionRows(ledger, row.id);
  const current = versions.find((each) => each.version === row.currentVersion);
  const evaluations = await skillEvaluationRows(ledger, row.id);
  const { uses = 0, loaded = 0, lastUsedAt = null } = (await skillUseCounts(ledger)).get(row.id) ?? {};
  const testing = {
    evaluations: evaluations.length,
    tokens: sum(evaluations.map((each) => each.tokens)),
    dollars: sum(evaluations.map((each) => each.dollars)),
    ms: sum(evaluations.map((each) => (each.endedAt === null ? null : each.endedAt - each.startedAt))),
  };
  const test = evaluations.findLast(
    (each) => each.skillVersionId === current?.id && each.kind === "test" && each.delta !== null,
  );
  const perUse = test === undefined ? null : await gain(ledger, test);
  const needed = (cost: number | null, saved: number | null | undefined) =>
    cost === null || saved === null || saved === undefined || saved <= 0 ? null : Math.ceil(cost / saved);
  const balance = (saved: number | null | undefined, cost: number | null) =>
    saved === null || saved === undefined || cost === null ? null : saved * loaded - cost;
  return {
    uses,
    loaded,
    lastUsedAt,
    testing,
    perUse,
    usesToPayBack: { tokens: needed(testing.tokens, perUse?.tokens), ms: needed(testing.ms, perUse?.ms) },
    balance: {
      points: perUse === null ? null : perUse.points * loaded,
      tokens: balance(perUse?.tokens, testing.tokens),
      ms: balance(perUse?.ms, testing.ms),
    },
  };
}

async function gain(ledger: Ledger, test: SkillEvaluationRow): Promise<NonNullable<Payback["perUse"]>> {
  const trials = (await trialTexts(ledger, test.id)).map(({ arm, trial }) => ({
    arm,
    trial: JSON.parse(trial) as Trial,
  }));
  const saved = (cost: (trial: Trial) => number | null) => {
    const mean = (arms: readonly string[]) =>
      average(trials.filter(({ arm }) => arms.includes(arm)).map(({ trial }) => cost(trial)));
    const [without, treated] = [mean(["without", "before"]), mean(["with"])];
    return without === null || treated === null ? null : without - treated;
  };
  return {
    points: test.delta as number,
    low: test.low,
    high: test.high,
    tokens: saved((trial) => trial.tokens),
    ms: saved((trial) => trial.wallMs),
  };
}

/** Null when any part is unknown: half a sum is none. */
function sum(values: readonly (number | null)[]): number | null {
  let total = 0;
  for (const value of values) {
    if (value === null) return null;
    total += value;
  }
  return total;
}

function average(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0) / known.length;
}
