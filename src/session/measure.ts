import { createHmac } from "node:crypto";
import type { Contract } from "../contract/index.ts";
import type * as decision from "../decision/index.ts";
import { Interrupted } from "../errors.ts";
import type { Evaluation, Files } from "../evaluator/index.ts";
import { addEvaluation, type EvaluationRow, type SessionRow } from "../ledger/index.ts";
import type { Session } from "./session.ts";

/** The seed of a run: derived from the session's secret, so that no candidate can know the next one. */
export function freshSeed(row: SessionRow, label: string): number {
  return createHmac("sha256", row.secret).update(`${row.seed}:${label}`).digest().readUInt32BE(0) >>> 1;
}

export interface Run {
  ask: decision.Ask;
  position: number;
  previousSeed: number | null;
  /** Where it belongs. */
  owner: {
    experimentId: number | null;
    auditId: number | null;
    /** The seeds of its runs follow from this text: it must never be reworded. */
    label: string;
    /** The experiment's number; absent: it belongs to none. */
    number?: number;
  };
  state: string;
  files: Files;
  /** Most runs of this purpose, for progress. */
  rounds: number | null;
  /** What a person should call the state that is run; absent: its arm. */
  label?: string;
  /** Scored on data that only this purpose sees. */
  split?: "holdout" | "sealed";
}

/** Nobody is shown what hidden data said, whoever watches: only the one bit that follows from it. */
function sealed(evaluation: Evaluation): Evaluation {
  return {
    ...evaluation,
    metrics: {},
    logTail: "",
    failure: evaluation.failure && { kind: evaluation.failure.kind, message: "on hidden data" },
  };
}

/** Which run it is: of the experiment with this number, or of none, the one at this position. */
function where({ owner, position }: Run): { experiment?: number; position: number } {
  return { ...(owner.number === undefined ? {} : { experiment: owner.number }), position };
}

/** Milliseconds that a run may take on its rung. */
function budgetOf({ stages, budget }: Contract, stage: string | undefined): number {
  return stages.find(({ name }) => name === stage)?.budget?.time ?? budget.time;
}

/** One real run, recorded before it is returned. @throws Interrupted */
export async function measureRun(session: Session, run: Run): Promise<EvaluationRow> {
  const { ask } = run;
  const { listener, contract, ledger, row } = session;
  if (session.abort.signal.aborted || session.stop.requested) throw new Interrupted();
  const seed =
    ask.seed === "same" && run.previousSeed !== null
      ? run.previousSeed
      : freshSeed(row, `${run.owner.label}:${run.position}`);
  listener({
    type: "run",
    purpose: ask.purpose,
    arm: ask.arm,
    round: ask.round,
    rounds: run.rounds,
    budgetMs: budgetOf(contract, ask.stage),
    ...where(run),
  });
  const evaluation = await session.evaluator.evaluate({
    state: run.state,
    files: run.files,
    seed,
    checks: ask.arm === "candidate" || ask.purpose === "baseline",
    ...(ask.stage === undefined ? {} : { stage: ask.stage }),
    ...(run.split === undefined ? {} : { split: run.split }),
    onProgress: ({ part, line }) => {
      if (part === "wait") listener({ type: "waiting", message: line });
      else if (line !== undefined && run.split === undefined) listener({ type: "line", line });
    },
    signal: session.abort.signal,
  });
  if (evaluation.failure?.kind === "cancelled" || session.abort.signal.aborted) throw new Interrupted();
  const value = evaluation.failure ? null : (evaluation.metrics[contract.metric.name] ?? null);
  const stored: Omit<EvaluationRow, "id"> = {
    sessionId: row.id,
    experimentId: run.owner.experimentId,
    auditId: run.owner.auditId,
    position: run.position,
    arm: ask.arm,
    purpose: ask.purpose,
    round: ask.round,
    state: run.state,
    seed,
    value,
    metrics: JSON.stringify(evaluation.metrics),
    failureKind: evaluation.failure?.kind ?? null,
    failureMessage: failureWords(evaluation, run),
    startedAt: evaluation.startedAt,
    wallMs: evaluation.wallMs,
    cpuMs: evaluation.cpuMs,
    peakBytes: evaluation.peakBytes,
    exitCode: evaluation.exitCode,
    logTail: evaluation.logTail,
    checks: JSON.stringify(evaluation.checks),
    channel: evaluation.channel,
    level: evaluation.level,
    pins: evaluation.pins,
    stage: ask.stage ?? null,
    machine:
      evaluation.machine &&
      JSON.stringify({ ...evaluation.machine, gpuPeakBytes: evaluation.gpuPeakBytes ?? undefined }),
    spentMs: evaluation.spentMs,
    used: evaluation.used && JSON.stringify(evaluation.used),
  };
  await addEvaluation(ledger, stored);
  listener({
    type: "evaluation",
    ...(run.split === undefined ? { evaluation, value } : { evaluation: sealed(evaluation), value: null }),
    ...{ purpose: ask.purpose, arm: ask.arm, recalled: false, ...where(run) },
    ...(run.label === undefined ? {} : { label: run.label }),
    ...(ask.stage === undefined ? {} : { stage: ask.stage }),
  });
  return { ...stored, id: 0 };
}

/** On the untouched code nobody's proposal has failed: the person is told what the scorer said. */
function failureWords({ failure, logTail }: Evaluation, { ask, split }: Run): string | null {
  if (failure?.details !== undefined && ask.purpose === "baseline" && split === undefined)
    return `${failure.message}; ${failure.details}`;
  if (failure?.kind !== "scorer" || ask.arm !== "baseline") return failure?.message ?? null;
  return logTail.split("\n").at(-1) ?? failure.message;
}
