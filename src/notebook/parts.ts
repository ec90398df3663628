import type { Contract } from "../contract/index.ts";
import { notWorse, removalOrder, weigh } from "../decision/index.ts";
import {
  type AuditRow,
  auditsOf,
  type EvaluationRow,
  type ExperimentRow,
  evaluationsOf,
  experimentByNumber,
  type Ledger,
} from "../ledger/index.ts";
import { brokenGuard } from "../strategy/index.ts";
import type { Estimate, Lean, Part, Parts } from "./model.ts";

/** The kept changes that a state is made of, oldest first: each one was built on the one before. */
export async function standingKeeps(
  ledger: Ledger,
  sessionId: number,
  last: number,
): Promise<ExperimentRow[]> {
  const keeps: ExperimentRow[] = [];
  for (let number = last; number > 0; ) {
    const experiment = await experimentByNumber(ledger, sessionId, number);
    if (!experiment) break;
    keeps.unshift(experiment);
    number = experiment.parent;
  }
  return keeps;
}

/** What came of measuring a part: an estimate, or why it does not work. */
export interface Outcome {
  estimate: Estimate | null;
  failure: string | null;
}

export async function outcomeOf(ledger: Ledger, contract: Contract, audit: AuditRow): Promise<Outcome> {
  const runs = await evaluationsOf(ledger, { audit: audit.id });
  if (audit.effect === null)
    return {
      estimate: null,
      failure: runs.findLast((run) => run.failureKind !== null)?.failureMessage ?? "it failed",
    };
  return {
    estimate: { effect: audit.effect, interval: [audit.low as number, audit.high as number] },
    failure: brokenGuard(contract, metricsOf(runs, "candidate"), metricsOf(runs, "baseline")),
  };
}

function metricsOf(runs: readonly EvaluationRow[], arm: EvaluationRow["arm"]): Record<string, number>[] {
  return runs
    .filter((run) => run.arm === arm && run.failureKind === null)
    .map((run) => JSON.parse(run.metrics) as Record<string, number>);
}

/** Whether `whet finalize` has measured any part of an audited final state. */
export async function hasParts(ledger: Ledger, final: AuditRow): Promise<boolean> {
  const audits = await auditsOf(ledger, final.sessionId, ["ablation", "review"]);
  return audits.some((audit) => audit.endedAt !== null && audit.experiment === final.experiment);
}

interface Measured {
  audit: AuditRow;
  subject: number[];
  outcome: Outcome;
}

/** What the ledger knows of the parts of an audited final state. */
export async function partsOf(ledger: Ledger, contract: Contract, final: AuditRow): Promise<Parts> {
  const keeps = await standingKeeps(ledger, final.sessionId, final.experiment);
  const whole: Measured = {
    audit: final,
    subject: keeps.map((keep) => keep.number),
    outcome: await outcomeOf(ledger, contract, final),
  };
  const ablations: Measured[] = [];
  const groups: Measured[] = [];
  for (const audit of await auditsOf(ledger, final.sessionId, ["ablation", "review"])) {
    if (audit.endedAt === null || audit.experiment !== final.experiment) continue;
    const subject = JSON.parse(audit.subject ?? "[]") as number[];
    const outcome = await outcomeOf(ledger, contract, audit);
    if (audit.kind === "review") groups.push({ audit, subject, outcome });
    else if (audit.against === final.finalState) ablations.push({ audit, subject, outcome });
  }
  const { minEffect } = contract.metric;
  // Alone, or as the oldest of a chain. A set that goes together holds the whole chain, so the chain is the smallest.
  const of = (number: number) => smallest(ablations.filter(({ subject }) => Math.min(...subject) === number));
  // The newest one always comes off: once it has been measured, those without a measurement could not be.
  const tried = of(final.experiment) !== null;
  const changes = keeps.map((keep): Part => {
    const taken = of(keep.number);
    const verdict =
      keeps.length === 1
        ? onlyChange(whole.outcome, minEffect)
        : judged(taken?.outcome ?? null, minEffect, tried);
    const together = taken?.subject ?? [keep.number];
    if (together.length > 1)
      verdict.reason = [
        `with ${together
          .slice(1)
          .map((number) => `#${number}`)
          .join(", ")}, which changed the same lines`,
        ...(verdict.reason === "" ? [] : [verdict.reason]),
      ].join("; ");
    const holding = groups.filter(({ subject }) => subject.includes(keep.number));
    const own = smallest(holding.filter(({ outcome }) => outcome.failure === null)) ?? smallest(holding);
    // All changes in one group are the final state, which is not measured a second time.
    const alone = own ?? (isUnproven(verdict.verdict) ? null : whole);
    const made = keep.decision;
    return {
      experiment: keep.number,
      what: keep.what,
      kept:
        made?.effect == null
          ? null
          : { effect: made.effect, interval: [made.low ?? made.effect, made.high ?? made.effect] },
      together,
      ...verdict,
      group: alone?.subject ?? [],
      alone: alone?.outcome.estimate ?? null,
      aloneFailure: alone?.outcome.failure ?? null,
    };
  });
  const lean = leanOf(changes, keeps, ablations, groups, minEffect);
  for (const part of changes)
    if (isUnproven(part.verdict) && lean?.left.includes(part.experiment))
      part.reason = `it stays: ${lean.removed.map((number) => `#${number}`).join(", ")} goes, and both are too much`;
  return { changes, lean };
}

/** The newest of those with the fewest changes. */
function smallest(measured: readonly Measured[]): Measured | null {
  return measured.reduce<Measured | null>(
    (least, each) => (least && least.subject.length < each.subject.length ? least : each),
    null,
  );
}

/**
 * The sets of changes that could go, largest first: all that are not shown to carry weight, then without the one that is
 * to go last, and so on.
 */
export function removals(changes: readonly Part[], keeps: readonly ExperimentRow[]): number[][] {
  const unproven = changes.filter((part) => isUnproven(part.verdict));
  const order = removalOrder(
    unproven.map(({ experiment, contribution, verdict }) => {
      const keep = keeps.find((each) => each.number === experiment);
      return {
        number: experiment,
        effect: contribution?.effect ?? 0,
        worse: verdict === "worse",
        added: keep?.added ?? 0,
        removed: keep?.removed ?? 0,
      };
    }),
  );
  const together = (number: number) =>
    changes.find((part) => part.experiment === number)?.together ?? [number];
  const sets = order.map((_, index) => [
    ...new Set(order.slice(0, order.length - index).flatMap((number) => together(number))),
  ]);
  return sets.filter((set, index) => set.length !== sets[index - 1]?.length);
}

/** Not shown to carry weight. */
function isUnproven(verdict: Part["verdict"]): boolean {
  return verdict === "not shown" || verdict === "worse";
}

type Judged = Pick<Part, "contribution" | "verdict" | "reason">;

/** Without its only change the final state is the baseline: the audit has measured it. */
function onlyChange({ estimate }: Outcome, minEffect: number): Judged {
  return {
    contribution: estimate,
    verdict: estimate ? weigh(estimate.interval, minEffect) : "not measured",
    reason: "",
  };
}

function judged(without: Outcome | null, minEffect: number, tried: boolean): Judged {
  if (!without && tried)
    return { contribution: null, verdict: "entangled", reason: "with later changes of the same lines" };
  if (!without) return { contribution: null, verdict: "not measured", reason: "" };
  const { estimate, failure } = without;
  const contribution = estimate && turned(estimate);
  if (failure !== null) return { contribution, verdict: "needed", reason: `without it: ${failure}` };
  return {
    contribution,
    verdict: weigh((contribution as Estimate).interval, minEffect),
    reason: "",
  };
}

/** The same difference seen from the other side. */
function turned({ effect, interval }: Estimate): Estimate {
  return { effect: 0 - effect, interval: [0 - interval[1], 0 - interval[0]] };
}

/** The state with most taken out that is no worse than the final one; only such a one is measured on its own too. */
function leanOf(
  changes: readonly Part[],
  keeps: readonly ExperimentRow[],
  ablations: readonly Measured[],
  groups: readonly Measured[],
  minEffect: number,
): Lean | null {
  for (const removed of removals(changes, keeps)) {
    const measured = ablations.findLast(
      ({ subject }) =>
        subject.length === removed.length && removed.every((number) => subject.includes(number)),
    );
    if (!measured) continue;
    const { estimate, failure } = measured.outcome;
    if (!estimate || failure !== null || !notWorse(estimate.interval, minEffect)) continue;
    const own = groups.findLast((each) => each.audit.finalState === measured.audit.finalState)?.outcome;
    if (!own?.estimate || own.failure !== null) continue;
    return {
      removed,
      left: changes.map((part) => part.experiment).filter((number) => !removed.includes(number)),
      againstFinal: estimate,
      againstBaseline: own.estimate,
    };
  }
  return null;
}
