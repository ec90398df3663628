import * as decision from "../decision/index.ts";
import { RunFailed } from "../errors.ts";
import { type Trust, trust } from "../evaluator/index.ts";
import { probesWith } from "../ledger/index.ts";
import { machineOf } from "../notebook/index.ts";
import { type Dirty, dirty } from "../repo/index.ts";
import type { Isolation } from "../sandbox/index.ts";
import type { LabFolder } from "./lab.ts";
import { type Probe, probe } from "./probe.ts";
import { closeSession, Interrupted, letGo, openSession, type SessionOptions } from "./session.ts";
import { mean } from "./state.ts";

/** What `whet check` found: everything to know before a night is spent. */
export interface Check {
  lab: string;
  goal: string;
  tag: string;
  metric: { name: string; direction: "minimize" | "maximize"; unit?: string };
  channel: "scored" | "clocked" | "self-reported";
  isolation: Isolation;
  grade: Trust;
  baseline: { values: number[]; mean: number };
  /** Standard deviation of one run, in the metric's unit; 0 when deterministic. */
  sigma: number;
  deterministic: boolean;
  preset: string;
  /** The smallest true improvement that is kept with a probability of 80 %; null when deterministic. */
  detectable: { value: number; relative: number } | null;
  /** Wall milliseconds of one evaluation, mean over the baseline, scoring and checks included. */
  evaluationMs: number;
  runsPerExperiment: number;
  experimentMs: number;
  perNight: number;
  checks: { command: string; passed: boolean; message: string }[];
  /** Milliseconds of the setup; null when there is none or its outputs were there already. */
  setupMs: number | null;
  /** Uncommitted work that is not part of what is measured. */
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
    const { contract, row, rule, baseline, noise, sandbox, repo } = session;
    const values = baseline.map((run) => run.value as number);
    const centre = mean(values);
    const sigma = decision.sigma(noise);
    const { deterministic } = noise;
    const evaluationMs = pace(baseline);
    const runsPerExperiment = deterministic ? 1 : decision.runsPerCandidate(rule);
    const detectable = deterministic ? null : decision.detectable(rule) * sigma;
    const uncommitted = (await dirty(repo)).filter(
      (file) => file.path !== "program.md" && !/(^|\/)node_modules\//.test(file.path),
    );
    const warnings: string[] = [];
    const known = await probesWith(session.ledger, row);
    const probed = options.probe || known.length > 0 ? await probe(session) : null;
    if (probed && probed.blind.length > 0)
      warnings.push(`no cheats can be made for ${probed.blind.join(", ")}: the probe is blind there`);
    if (uncommitted.length > 0)
      warnings.push(
        `not part of what is measured, since it is not committed: ${uncommitted
          .slice(0, 5)
          .map((file) => file.path)
          .join(", ")}${uncommitted.length > 5 ? " ..." : ""}`,
      );
    return {
      lab: lab.name,
      goal: contract.goal,
      tag: row.tag,
      metric: {
        name: contract.metric.name,
        direction: contract.metric.direction,
        ...(contract.metric.unit === undefined ? {} : { unit: contract.metric.unit }),
      },
      channel: session.evaluator.channel,
      isolation: sandbox.isolation,
      grade: trust(contract, session.evaluator.channel, sandbox.isolation, probed?.results ?? []),
      baseline: { values, mean: centre },
      sigma,
      deterministic,
      preset: contract.decision.preset,
      detectable:
        detectable === null
          ? null
          : { value: detectable, relative: centre === 0 ? 0 : detectable / Math.abs(centre) },
      evaluationMs,
      runsPerExperiment,
      experimentMs: evaluationMs * runsPerExperiment,
      perNight: Math.floor(night / Math.max(1, evaluationMs * runsPerExperiment)),
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

/** Mean milliseconds from the start of one run to the start of the next, so that scoring and checks count. */
function pace(baseline: readonly { startedAt: number; wallMs: number }[]): number {
  const steps = baseline
    .slice(1)
    .map((run, index) => run.startedAt - (baseline[index] as { startedAt: number }).startedAt)
    .filter((ms) => ms > 0);
  // An interruption between two runs is no cost of the evaluation.
  const typical = [...steps].sort((a, b) => a - b)[steps.length >> 1];
  return Math.max(typical ?? 0, mean(baseline.map((run) => run.wallMs)));
}
