import { mean } from "../base/index.ts";
import * as decision from "../decision/index.ts";
import { Interrupted, RunFailed } from "../errors.ts";
import { type PinnedInputs, pinnedInputs } from "../evaluator/index.ts";
import { type LabFolder, uncommittedWork } from "../lab/index.ts";
import { driversOf, probesWith } from "../ledger/index.ts";
import { metricPlace } from "../metricSources/index.ts";
import { type Grant, grantsOf, machineOf, type Trust, trust } from "../notebook/index.ts";
import type { Dirty } from "../repo/index.ts";
import type { Isolation } from "../sandbox/index.ts";
import {
  closeSession,
  letGo,
  openSession,
  type Probe,
  probe,
  type SessionOptions,
} from "../session/index.ts";
import { repeatsSelection } from "../strategy/index.ts";

/** What `whet check` found: everything to know before a night is spent. */
export interface Check {
  lab: string;
  goal: string;
  tag: string;
  metric: { name: string; direction: "minimize" | "maximize"; unit?: string; from?: string };
  channel: "scored" | "clocked" | "self-reported";
  isolation: Isolation;
  grade: Trust;
  /** What the contract grants the run and the scorer, and what that opens. */
  grants: Grant[];
  /** What was pinned by its content besides the commit; null when there are no inputs. */
  inputs: PinnedInputs | null;
  baseline: { values: number[]; mean: number };
  /** Each guard on the untouched code, in its unit; `relative`: it must also be no worse than the incumbent's. */
  guards: { name: string; mean: number; min?: number; max?: number; relative: boolean }[];
  /** Whether the untouched code was measured on the holdout; what it said stays hidden. */
  holdoutMeasured: boolean;
  /** The untouched code on each named rung: the metric and milliseconds of one run. */
  stages: { name: string; mean: number; ms: number }[];
  /** Standard deviation of one run, in the metric's unit; 0 when deterministic. */
  sigma: number;
  deterministic: boolean;
  preset: string;
  /** The smallest true improvement that is kept with a probability of 80 %; null when deterministic. */
  detectable: { value: number; relative: number } | null;
  /** Wall milliseconds of one evaluation, scoring and checks included, the wait for its turn not. */
  evaluationMs: number;
  runsPerExperiment: number;
  /** Wall milliseconds of one experiment: its runs, what lies between them, and proposing and recording. */
  experimentMs: number;
  perNight: number;
  checks: { command: string; passed: boolean; message: string }[];
  /** Milliseconds of the setup; null when there is none or its outputs were there already. */
  setupMs: number | null;
  /** Uncommitted work: not part of what is measured, except the contract itself. */
  uncommitted: Dirty[];
  warnings: string[];
  /** What else the machine did during the baseline. */
  machine: ReturnType<typeof machineOf>;
  /** What Whetstone's own cheats came to; null when the evaluator was not probed. */
  probe: Probe | null;
}

export interface CheckOptions extends SessionOptions {
  /** Try Whetstone's own cheats on the evaluator. */
  probe?: boolean;
}

/** What an experiment takes beside its runs: proposing by the built-in search, pinning, recording. Two cores. */
const besideRunsMs = 50;

const night = 8 * 3_600_000;

/**
 * Lints, sets up and measures the baseline, and says what a session can see and cost. The session can then be run.
 *
 * @throws RunFailed when it was asked to stop.
 */
export async function checkLab(lab: LabFolder, options: CheckOptions = {}): Promise<Check> {
  try {
    return await looked(lab, options);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    throw new RunFailed(
      "stopped by hand before the end",
      "`whet check` goes on; no finished run of the baseline is repeated",
    );
  }
}

async function looked(lab: LabFolder, options: CheckOptions): Promise<Check> {
  const began = performance.now();
  const session = await openSession(lab, options);
  try {
    const { contract, row, rule, baseline, noise, sandbox } = session;
    const values = baseline.map((run) => run.value as number);
    const centre = mean(values);
    const sigma = decision.sigma(noise);
    const { deterministic } = noise;
    const evaluationMs = pace(baseline);
    const runsPerExperiment = deterministic ? 1 : decision.runsPerCandidate(rule);
    const experimentMs = betweenStarts(baseline, evaluationMs) * runsPerExperiment + besideRunsMs;
    const detectable = deterministic ? null : decision.detectable(rule) * sigma;
    const { files: uncommitted, warnings } = await uncommittedWork(lab);
    const inputs = pinnedInputs(session.place, session.repo.root);
    warnings.push(...session.place.remarks, ...(inputs?.stray ?? []), ...session.remarks);
    const known = await probesWith(session.ledger, row);
    const probed = options.probe || known.length > 0 ? await probe(session) : null;
    if (probed && probed.blind.length > 0)
      warnings.push(`no cheats can be made for ${probed.blind.join(", ")}: the probe is blind there`);
    return {
      lab: lab.name,
      goal: contract.goal,
      tag: row.tag,
      metric: {
        name: contract.metric.name,
        direction: contract.metric.direction,
        ...(contract.metric.unit === undefined ? {} : { unit: contract.metric.unit }),
        ...(contract.metric.from ? { from: metricPlace(contract) as string } : {}),
      },
      channel: session.evaluator.channel,
      isolation: sandbox.isolation,
      grade: trust(
        contract,
        session.evaluator.channel,
        sandbox.isolation,
        probed?.results ?? [],
        repeatsSelection(contract, baseline, session.holdout),
        (await driversOf(session.ledger, row.id)).free > 0,
      ),
      grants: grantsOf(contract),
      inputs,
      baseline: { values, mean: centre },
      guards: contract.guards.map(({ name, min, max, tolerance }) => ({
        name,
        mean: mean(
          baseline.map((run) => (JSON.parse(run.metrics) as Record<string, number>)[name] as number),
        ),
        ...(min === undefined ? {} : { min }),
        ...(max === undefined ? {} : { max }),
        relative: tolerance !== null,
      })),
      holdoutMeasured: session.holdout !== null,
      stages: contract.stages.map(({ name }) => {
        const runs = session.rungs.filter((run) => run.stage === name);
        return {
          name,
          mean: mean(runs.map((run) => run.value as number)),
          ms: mean(runs.map((run) => run.wallMs)),
        };
      }),
      sigma,
      deterministic,
      preset: contract.decision.preset,
      detectable:
        detectable === null
          ? null
          : { value: detectable, relative: centre === 0 ? 0 : detectable / Math.abs(centre) },
      evaluationMs,
      runsPerExperiment,
      experimentMs,
      perNight: Math.floor(night / experimentMs),
      checks: contract.checks.map((check) => ({ command: check.command, passed: true, message: "" })),
      setupMs: session.place.setupMs,
      uncommitted,
      warnings,
      machine: machineOf(contract, baseline),
      probe: probed,
    };
  } finally {
    const spentMs = Math.round(performance.now() - began);
    // Why a session ended before stays true.
    if (session.resumed) await letGo(session, { spentMs: session.row.spentMs + spentMs });
    else await closeSession(session, "checked", spentMs);
  }
}

/** Milliseconds of one evaluation: the median, since one slow run says nothing of a night. */
function pace(baseline: readonly { wallMs: number; spentMs: number | null }[]): number {
  const spent = baseline.map((run) => run.spentMs ?? run.wallMs).sort((a, b) => a - b);
  return spent[spent.length >> 1] ?? 0;
}

/**
 * Milliseconds from the start of one evaluation to the start of the next, the harness between them included: the median
 * of the baseline, which a pause in it does not move.
 */
function betweenStarts(baseline: readonly { startedAt: number }[], evaluationMs: number): number {
  const starts = baseline.map(({ startedAt }) => startedAt).sort((a, b) => a - b);
  const gaps = starts.slice(1).map((start, index) => start - (starts[index] as number));
  const middle = gaps.sort((a, b) => a - b)[gaps.length >> 1] ?? 0;
  // Runs of an earlier session are taken over one by one: what lies between them is then no measure.
  return Math.max(evaluationMs, Math.min(middle, evaluationMs * 4 + 1000));
}
