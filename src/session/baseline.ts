import { mean } from "../base/index.ts";
import * as decision from "../decision/index.ts";
import { RunFailed, UserError } from "../errors.ts";
import { changedPins } from "../evaluator/index.ts";
import { baselineHoldout, type EvaluationRow, evaluationsOf, updateSession } from "../ledger/index.ts";
import {
  baselineRuns,
  brokenGuard,
  decidingStage,
  drive,
  fromNumbers,
  idleStages,
  moods,
  patience,
  repeatsSelection,
  soundRuns,
} from "../strategy/index.ts";
import { fixedFiles } from "./fixedFiles.ts";
import { withHints } from "./hints.ts";
import { withLastWords } from "./lastWords.ts";
import { withLeftOut } from "./leftOut.ts";
import { measureRun } from "./measure.ts";
import type { Session } from "./session.ts";
import { oddRun } from "./standsOut.ts";
import { warmUpRuns } from "./warmUp.ts";

/** A baseline that was measured while what judges changed is good for nothing, now or later. */
async function spoilIfChanged({ place, ledger, row }: Session): Promise<void> {
  const changed = await changedPins(place);
  if (changed.length === 0) return;
  await updateSession(ledger, row.id, { pins: `spoilt ${row.pins}` });
  throw new UserError(
    `what judges the session changed on disk while the baseline was measured: ${changed.join("; ")}`,
    "begin a new session with `whet run --fresh`",
  );
}

export async function measureBaseline(session: Session): Promise<void> {
  const { ledger, row, rule, contract, listener } = session;
  // A run that failed is no baseline: it is measured again once the cause is mended.
  const recorded = (await evaluationsOf(ledger, { baseline: row.id })).filter(
    (run) => run.failureKind === null,
  );
  const { result, evaluations } = await baselineFrom(session, recorded);
  const good = evaluations.filter((run) => run.failureKind === null);
  const deciding = good.filter((run) => run.stage === decidingStage(contract));
  session.baseline = soundRuns(deciding, { preset: contract.decision.preset, parameters: { ...rule } });
  session.rungs = good;
  const failures = moods(await evaluationsOf(ledger, { baseline: row.id }));
  session.noise = { ...result, failures };
  // Only now: what an earlier baseline passed is no obstacle to going on.
  if (row.status === "baseline") await tryYardstick(session);
  session.holdout = await baselineHoldout(ledger, row.id);
  session.remarks = [
    ...fixedFiles(session.fixed),
    ...(repeatsSelection(contract, session.baseline, session.holdout)
      ? [
          "the holdout gives the same value as the score on the untouched code: it guards against nothing unless its scorer reads other data",
        ]
      : []),
    ...idleStages(contract, good),
    ...oddRun(
      deciding.map((run) => run.value as number),
      rule,
    ),
    ...(failures > 0
      ? [
          `${failures} of ${good.length + failures} runs of the untouched code failed: the evaluator fails now and then, so failed runs are repeated (\`whet failures\` shows them)`,
        ]
      : []),
  ];
  if (row.status === "baseline") {
    await updateSession(ledger, row.id, { status: "ready" });
    row.status = "ready";
  }
  const values = session.baseline.map((evaluation) => evaluation.value as number);
  listener({
    type: "noise",
    values,
    mean: mean(values),
    sigma: decision.sigma(result),
    deterministic: result.deterministic,
  });
}

/** The runs of the untouched code: those on record, and whatever is missing yet. */
async function baselineFrom(session: Session, recorded: readonly EvaluationRow[]) {
  const { row, rule, contract, listener } = session;
  let last: EvaluationRow | null = null;
  const owner = { experimentId: null, auditId: null, label: "baseline" };
  const measure = async (ask: decision.Ask, position: number, previousSeed: number | null) => {
    // Said only where something is left to be measured.
    if (last === null)
      listener({ type: "phase", phase: "baseline", number: null, what: "measuring the untouched code" });
    const of = { state: row.baseState, files: session.baseFiles, rounds: rule.baselineRuns };
    last = await measureRun(session, { ask, position, previousSeed, owner, ...of });
    return last;
  };
  const warm = recorded.length === 0 ? await warmedUp(session, measure) : 0;
  const asked = baselineRuns(rule, contract);
  const bearing = patience(rule.baselineRuns, rule.retries, warm);
  // Failed runs are passed over when it goes on, and keep their places.
  const skipped = Math.max(0, (recorded.at(-1)?.position ?? -1) + 1 - recorded.length);
  const driven = drive(
    fromNumbers(asked, (sample) => bearing.again(sample)),
    recorded,
    (ask, position, previousSeed) => measure(ask, position + skipped, previousSeed),
  );
  // However it ended: what was measured until then would be gone on with.
  await driven.catch(() => {});
  if (last !== null) await spoilIfChanged(session);
  return driven.catch(async (error: unknown) => {
    throw await withLeftOut(withLastWords(withHints(error, last, session), last), last, session);
  });
}

/** Runs that come before the baseline and are not counted. @returns how many of the last ones failed in a row. */
async function warmedUp(
  { contract, rule }: Session,
  measure: (ask: decision.Ask, position: number, seed: null) => Promise<EvaluationRow>,
): Promise<number> {
  let failed = 0;
  const stage = decidingStage(contract);
  const ask = { arm: "baseline", seed: "fresh", purpose: "warmup" } as const;
  for (let round = 1; round <= warmUpRuns(contract); round++) {
    const run = await measure({ ...ask, round, ...(stage === null ? {} : { stage }) }, -round, null);
    failed = run.failureKind === null ? 0 : failed + 1;
  }
  return rule.retries === 0 ? 0 : failed;
}

/**
 * What would lose every keep is found on the untouched code: a bound that it breaks, a holdout that cannot be measured.
 * This run on the holdout is no look at it: nothing is chosen by it.
 */
async function tryYardstick(session: Session): Promise<void> {
  const { contract, ledger, row, baseline } = session;
  const samples = baseline.map((run) => JSON.parse(run.metrics) as Record<string, number>);
  const broken = brokenGuard(contract, samples, []);
  if (broken !== null)
    throw new UserError(
      `the untouched code breaks a guard, so nothing could be kept: ${broken}`,
      "set a bound that it meets, or a tolerance instead, in program.md",
    );
  if (!contract.holdout || (await baselineHoldout(ledger, row.id)) !== null) return;
  const stage = decidingStage(contract);
  const run = await measureRun(session, {
    ask: {
      ...{ arm: "baseline", seed: "same", purpose: "holdout", round: 1 },
      ...(stage === null ? {} : { stage }),
    },
    position: session.rungs.length,
    // The same seed: what differs is the data.
    previousSeed: baseline[0]?.seed ?? null,
    owner: { experimentId: null, auditId: null, label: "baseline holdout" },
    state: row.baseState,
    files: session.baseFiles,
    rounds: 1,
    split: "holdout",
  });
  await spoilIfChanged(session);
  if (run.value === null)
    throw new RunFailed(
      `the holdout could not be measured on the untouched code: ${run.failureMessage ?? `it gave no ${contract.metric.name}`}`,
      `mend \`holdout: ${contract.holdout.score}\` and commit it, then try again`,
    );
}
