import { RunFailed } from "../../errors.ts";
import {
  addSkillEvaluation,
  addTrial,
  type EvaluationKey,
  evaluationOf,
  type Ledger,
  type SkillEvaluationRow,
  type Trial,
  type TrialAsk,
  type TrialRow,
  trialsOf,
  updateSkillEvaluation,
} from "../../ledger/index.ts";
import type { Meter } from "./limits.ts";

/** One run as it came out, beyond what the statistics need. */
export interface Ran {
  trial: Trial;
  goalId: number | null;
  /** With what the agent worked, as it says. */
  agentVersion: string | null;
  model: string | null;
}

/** Runs one goal under one arm. @throws RunFailed when nothing can be run at all: nothing is recorded then. */
export type RunTrial = (ask: TrialAsk) => Promise<Ran>;

export interface Driven {
  /** Which evaluation it is: one that was begun under the same key goes on. */
  key: EvaluationKey;
  suite: string;
  model: string | null;
  judge: string | null;
  /** Family of each task. */
  families: ReadonlyMap<string, string>;
  run: RunTrial;
  meter: Meter;
  /** Set by Ctrl-C: the run in flight ends, and no other begins. */
  stop?: { readonly requested: boolean };
  onTrial?: (row: Omit<TrialRow, "id">, recorded: boolean) => void;
  now?: () => number;
}

export type DriveResult<Verdict> =
  | { kind: "ended"; verdict: Verdict; evaluation: SkillEvaluationRow; trials: TrialRow[] }
  /** It can go on later where it stopped. */
  | { kind: "paused"; why: string; evaluation: SkillEvaluationRow; trials: TrialRow[] };

/**
 * Drives a test to its end: each of its questions is answered by a recorded run, where one was made before, else by a
 * new one, which is recorded before the next. So a test that was killed goes on where it was, and the same recorded runs
 * give the same verdict.
 *
 * @param begin the test, e.g. `abTest(...)`.
 * @throws RunFailed when the recorded runs are not what this test asks for.
 */
export async function driveTest<Verdict>(
  ledger: Ledger,
  begin: () => Generator<TrialAsk, Verdict, Trial>,
  driven: Driven,
): Promise<DriveResult<Verdict>> {
  const { key, families, run, meter, stop, onTrial, now = Date.now } = driven;
  const evaluation =
    (await evaluationOf(ledger, key, { ended: false })) ??
    (await addSkillEvaluation(ledger, {
      ...key,
      ...{ suite: driven.suite, model: driven.model, judge: driven.judge, startedAt: now() },
    }));
  const trials = await trialsOf(ledger, evaluation.id);
  for (const { trial } of trials)
    meter.add({ runs: 1, tokens: trial.tokens, dollars: trial.dollars, earlier: true });
  const test = begin();
  let step = test.next();
  for (let position = 0; !step.done; position++) {
    const ask = step.value;
    let row = trials[position];
    if (row === undefined) {
      const beyond = stop?.requested ? "it was stopped" : meter.beyond();
      if (beyond !== null) return { kind: "paused", why: beyond, evaluation, trials };
      const startedAt = now();
      let ran: Ran;
      try {
        ran = await run(ask);
      } catch (error) {
        if (!(error instanceof RunFailed)) throw error;
        return { kind: "paused", why: error.message, evaluation, trials };
      }
      const { arm, task, replicate, seed } = ask;
      const fresh = {
        ...{ evaluationId: evaluation.id, position, arm, task, replicate, seed, startedAt },
        ...{ family: families.get(task) ?? "", trial: ran.trial, goalId: ran.goalId },
      };
      await addTrial(ledger, fresh);
      if (position === 0)
        await updateSkillEvaluation(ledger, evaluation.id, {
          ...{ agentVersion: ran.agentVersion, model: ran.model ?? driven.model },
        });
      row = { ...fresh, id: 0 };
      trials.push(row);
      meter.add({ runs: 1, tokens: ran.trial.tokens, dollars: ran.trial.dollars });
      onTrial?.(row, false);
    } else {
      requireSame(row, ask, evaluation.id);
      onTrial?.(row, true);
    }
    step = test.next(row.trial);
  }
  return { kind: "ended", verdict: step.value, evaluation, trials };
}

/** Derives the verdict again from recorded runs. @throws RunFailed when they are not what the test asks for, or end early. */
export function replayTest<Verdict>(
  test: Generator<TrialAsk, Verdict, Trial>,
  trials: readonly TrialRow[],
): Verdict {
  let step = test.next();
  for (let position = 0; !step.done; position++) {
    const row = trials[position];
    if (row === undefined)
      throw new RunFailed(`the record ends after ${position} runs, and the test goes on`);
    requireSame(row, step.value, row.evaluationId);
    step = test.next(row.trial);
  }
  return step.value;
}

function requireSame(row: TrialRow, ask: TrialAsk, evaluation: number): void {
  if (
    row.arm === ask.arm &&
    row.task === ask.task &&
    row.replicate === ask.replicate &&
    row.seed === ask.seed
  )
    return;
  throw new RunFailed(
    `run ${row.position} of evaluation #${evaluation} is recorded as ${row.arm} ${row.task} #${row.replicate}, and the test asks for ${ask.arm} ${ask.task} #${ask.replicate}`,
    "it was made by another version of whetstone: begin a new evaluation",
  );
}
