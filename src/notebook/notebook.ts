import { existsSync } from "node:fs";
import { mean } from "../base/index.ts";
import type { Channel, Contract } from "../contract/index.ts";
import * as decision from "../decision/index.ts";
import { UserError } from "../errors.ts";
import { labMissing, ledgerPath, withoutFile, workingProcess } from "../lab/index.ts";
import {
  baselineHoldout,
  changesOf,
  climbs,
  counts,
  driversOf,
  type EvaluationRow,
  type ExperimentRow,
  evaluationsOf,
  evaluationTotals,
  experimentByNumber,
  experiments,
  holdoutRuns,
  type Ledger,
  latestAudit,
  machineRows,
  openLedger,
  type Page,
  probesWith,
  type ReviewRow,
  researcherTotals,
  reviewsOf,
  type SessionRow,
  type Spending,
  sessionByTag,
  sessions,
  spendingOf,
  stageTotals,
  storedProgram,
  turnCosts,
} from "../ledger/index.ts";
import { metricPlace } from "../metricSources/index.ts";
import type { Isolation } from "../sandbox/index.ts";
import {
  fallen,
  holdoutDifferences,
  peakOf,
  repeatsSelection,
  soundRuns,
  valuedRuns,
} from "../strategy/index.ts";
import { grantsOf } from "./grants.ts";
import { machineOf } from "./machine.ts";
import type { Arm, ArmCost, Epoch, LadderRung, Notebook, Row } from "./model.ts";
import { hasParts, partsOf } from "./parts.ts";
import { sessionMeant } from "./sessions.ts";
import { trust } from "./trust.ts";
import { modelsOf, usesOf } from "./used.ts";

/**
 * Opens a lab's ledger for reading and hands over the named session, or the one that is meant (`sessionMeant`).
 *
 * @param path the lab folder or a contract file.
 */
export async function withSession<Result>(
  path: string,
  tag: string | undefined,
  read: (ledger: Ledger, row: SessionRow) => Promise<Result>,
): Promise<Result> {
  const folder = withoutFile(path);
  if (!existsSync(ledgerPath(folder)))
    throw (
      (await labMissing(folder)) ??
      new UserError(
        `nothing has been measured in ${folder} yet`,
        "begin with `whet check`; then `whet run`, or `whet start` for an agent that drives",
      )
    );
  const ledger = await openLedger(ledgerPath(folder));
  try {
    const row = tag === undefined ? await sessionMeant(ledger, path) : await sessionByTag(ledger, tag);
    if (!row)
      throw new UserError(
        tag ? `there is no session "${tag}" here` : "there is no session here yet",
        tag ? "see `whet sessions`" : "begin with `whet run`, or with `whet start` for an agent that drives",
      );
    return await read(ledger, row);
  } finally {
    await ledger.close();
  }
}

/** So many runs tell what the machine is like; all of a long session would take long to read. */
const newestRuns = 2000;

/** What of a session is read: all of it, or only the part that a screen shows. */
export interface NotebookPart {
  /** The newest experiments; all when absent. Every keep is there in any case. */
  newest?: number;
  /** Diffs and log tails as well. */
  texts?: boolean;
}

/** What a list of a session's experiments shows, and nothing that has to be asked for beside them. */
export type Table = Pick<Notebook, "base" | "metric" | "baseline" | "sigma" | "experiments">;

export async function tableOf(ledger: Ledger, row: SessionRow, part: NotebookPart = {}): Promise<Table> {
  return (await tabled(ledger, row, part)).table;
}

/** The table, with what it was made from. */
async function tabled(ledger: Ledger, row: SessionRow, part: NotebookPart) {
  const { contract } = storedProgram(row.program);
  const stage = contract.stages.find((each) => each.decides)?.name ?? null;
  const untouched = (await evaluationsOf(ledger, { baseline: row.id })).filter(
    (run) => run.value !== null && run.stage === stage,
  );
  const baseline = soundRuns(untouched, contract.decision);
  const values = baseline.map((run) => run.value as number);
  const page: Page = part.newest === undefined ? {} : { limit: part.newest };
  const newest = await experiments(ledger, row.id, page);
  const keeps =
    part.newest === undefined
      ? newest.filter((each) => each.decision?.kind === "keep")
      : await experiments(ledger, row.id, { kinds: ["keep"] });
  const first = newest[0]?.number ?? 0;
  const shown = [...keeps.filter((keep) => keep.number < first), ...newest];
  const reviews = await reviewsOf(ledger, row.id);
  const gone = fallen(
    keeps.map((keep) => keep.number),
    reviews,
  );
  const rows = (await rowsOf(ledger, row, shown, part.texts ?? false)).map((each) =>
    gone.has(each.id) ? takenBack(each, reviews) : each,
  );
  const { name, direction, unit } = contract.metric;
  const from = metricPlace(contract);
  const table: Table = {
    base: row.baseCommit,
    metric: {
      ...{ name, direction },
      ...(unit === undefined ? {} : { unit }),
      ...(from === undefined ? {} : { from }),
    },
    baseline: {
      values,
      mean: values.length > 0 ? mean(values) : Number.NaN,
      peakBytes: baseline.length > 0 ? Math.max(...baseline.map(peakOf)) : null,
    },
    sigma: values.length > 1 ? spreadOf(values) : null,
    experiments: rows,
  };
  return { table, contract, baseline, keeps, gone, reviews };
}

/** A session as the report room's plain data. */
export async function notebookOf(
  ledger: Ledger,
  lab: string,
  row: SessionRow,
  part: NotebookPart = {},
): Promise<Notebook> {
  const { table, contract, baseline, keeps, gone, reviews } = await tabled(ledger, row, part);
  const { values } = table.baseline;
  const rows = table.experiments;
  const isolation = JSON.parse(row.isolation) as Isolation;
  const channel = row.channel as Channel;
  const standing = keeps.filter((keep) => !gone.has(keep.number));
  const tally = await counts(ledger, row.id);
  tally.keep = (tally.keep ?? 0) - gone.size;
  tally.discard = (tally.discard ?? 0) + gone.size;
  const totals = await evaluationTotals(ledger, row.id);
  const drivers = await driversOf(ledger, row.id);
  const latest = await latestAudit(ledger, row.id);
  // An audit of a state that has been taken back since is no result.
  const audit = latest?.finalState === (standing.at(-1)?.state ?? row.baseState) ? latest : null;
  const last = rows.findLast((each) => each.status === "keep");
  const deterministic = values.length > 1 && values.every((value) => value === values[0]);
  return {
    lab,
    goal: contract.goal,
    tag: row.tag,
    branch: row.branch,
    ...table,
    channel,
    isolation,
    grade: trust(
      contract,
      channel,
      isolation,
      await probesWith(ledger, row),
      repeatsSelection(contract, baseline, await baselineHoldout(ledger, row.id)),
      drivers.free > 0,
    ),
    grants: grantsOf(contract),
    models: await modelsOf(ledger, row.id, contract),
    drivers,
    started: row.startedAt ?? row.createdAt,
    ended: row.holder === null ? (row.endedAt ?? null) : null,
    stopReason: row.holder === null ? row.stopReason : null,
    process: workingProcess(row),
    preset: contract.decision.preset,
    deterministic,
    best: last
      ? { value: last.value as number, experiment: last.id }
      : { value: values.length > 0 ? mean(values) : Number.NaN, experiment: null },
    tally: {
      all: Object.values(tally).reduce((sum, n) => sum + n, 0),
      keeps: tally.keep ?? 0,
      discards: tally.discard ?? 0,
      failures: (tally.crash ?? 0) + (tally.timeout ?? 0) + (tally.invalid ?? 0),
      open: tally.open ?? 0,
    },
    audit:
      audit?.endedAt == null
        ? null
        : {
            n: audit.pairs,
            baselineMean: audit.baselineMean as number,
            finalMean: audit.finalMean as number,
            effect: audit.effect as number,
            interval: [audit.low as number, audit.high as number],
            relative: (audit.effect as number) / Math.abs(audit.baselineMean as number),
          },
    finalized:
      audit?.endedAt != null && (await hasParts(ledger, audit))
        ? await partsOf(ledger, contract, audit)
        : null,
    expectedFalseKeeps:
      deterministic || standing.length === 0
        ? null
        : standing.reduce((sum, keep) => sum + 1 - (keep.decision?.pReal ?? 1), 0),
    allowance: standing.reduce((sum, keep) => sum + (keep.decision?.allowance ?? 0), 0),
    machine: machineOf(contract, await machineRows(ledger, row.id, newestRuns)),
    evaluations: totals.runs,
    evaluationMs: totals.ms,
    paused: row.pausedAt !== null,
    waiting: standing
      .filter((keep) => keep.decision?.doubt && !reviews.some((review) => review.number === keep.number))
      .map((keep) => keep.number),
    alarm: contract.holdout ? await driftApart(ledger, contract, standing) : null,
    ladder: contract.stages.length > 0 ? await ladderOf(ledger, row, contract) : [],
    arms: await armsOf(ledger, row, contract, standing),
    epochs: row.rescoredFrom === null ? [] : await epochsOf(ledger, row),
  };
}

/** A keep that a person rejected, or that was built on one. */
function takenBack(row: Row, reviews: readonly (ReviewRow & { number: number })[]): Row {
  const own = reviews.find((review) => review.number === row.id && review.verdict === "reject");
  const root = reviews.findLast(
    (review) => review.verdict === "reject" && review.number <= row.id && review.afterNumber >= row.id,
  );
  const reason = own
    ? `rejected by review${own.note ? `: ${own.note}` : ""}`
    : `built on #${root?.number}, which a review rejected`;
  return { ...row, status: "discard", reason, doubt: null };
}

/** What the holdout says of the keeps that stand. */
async function driftApart(
  ledger: Ledger,
  contract: Contract,
  standing: readonly ExperimentRow[],
): Promise<string | null> {
  const looks = await holdoutRuns(
    ledger,
    standing.map((keep) => keep.id),
  );
  return decision.divergence(
    standing.map((keep) => ({
      expected: (keep.decision?.pReal ?? 1) * (keep.decision?.effect ?? 0),
      holdout: holdoutDifferences(contract.metric, looks.get(keep.id) ?? []),
    })),
  );
}

/** Candidates whose climb is looked at. */
const climbers = 5000;

async function ladderOf(ledger: Ledger, row: SessionRow, contract: Contract): Promise<LadderRung[]> {
  const totals = new Map((await stageTotals(ledger, row.id)).map((each) => [each.stage, each]));
  const climbed = (await climbs(ledger, row.id, climbers)).map(({ stages, effect }) => ({
    rungs: JSON.parse(stages) as decision.Rung[],
    effect,
  }));
  return [...contract.stages.map((each) => each.name), null].map((stage, index) => {
    const pairs = climbed.flatMap(({ rungs, effect }): [number, number][] => {
      const here = rungs[index];
      const above = rungs[index + 1]?.effect ?? (index === rungs.length - 1 ? effect : null);
      return here?.climbed && here.effect !== null && above !== null ? [[here.effect, above]] : [];
    });
    return {
      stage: stage ?? "full",
      runs: totals.get(stage)?.runs ?? 0,
      ms: totals.get(stage)?.ms ?? 0,
      transfer: stage === null ? null : decision.transfer(pairs),
    };
  });
}

/** What each researcher brought and cost; nothing to tell where the search is alone. */
async function armsOf(
  ledger: Ledger,
  row: SessionRow,
  { control, researchers }: Contract,
  standing: readonly ExperimentRow[],
): Promise<Arm[]> {
  const spending = await spendingOf(ledger, row.id);
  if (control === undefined && researchers.length === 1 && spending.length === 0) return [];
  const totals = await researcherTotals(ledger, row.id);
  // Whoever came with nothing has cost something as well.
  const idle = spending.filter((each) => !totals.some((total) => total.researcher === each.researcher));
  return [...totals, ...idle.map(({ researcher }) => ({ researcher, experiments: 0, ms: 0 }))].map(
    (total) => {
      const own = standing.filter((keep) => keep.researcher === total.researcher);
      const expectedGain = own.reduce(
        (sum, keep) => sum + (keep.decision?.pReal ?? 1) * (keep.decision?.effect ?? 0),
        0,
      );
      const spent = spending.find((each) => each.researcher === total.researcher);
      return {
        ...{ ...total, keeps: own.length, expectedGain },
        ...(spent ? { cost: costOf(spent, expectedGain) } : {}),
      };
    },
  );
}

function costOf(spent: Spending, expectedGain: number): ArmCost {
  const { turns, fruitless, tokensIn, tokensOut, dollars, unknownTokens, unknownDollars } = spent;
  const isKnown = unknownDollars === 0 && dollars !== null && dollars > 0;
  return {
    ...{ turns, fruitless, tokensIn, tokensOut, dollars, unknownTokens, unknownDollars },
    gainPerDollar: isKnown ? expectedGain / dollars : null,
  };
}

async function epochsOf(ledger: Ledger, row: SessionRow): Promise<Epoch[]> {
  const all = new Map((await sessions(ledger)).map((each) => [each.id, each]));
  const result: Epoch[] = [];
  for (let at: SessionRow | undefined = row; at; at = all.get(at.rescoredFrom ?? -1)) {
    const { contract } = storedProgram(at.program);
    const stage = contract.stages.find((each) => each.decides)?.name ?? null;
    const untouched = (await evaluationsOf(ledger, { baseline: at.id })).filter(
      (run) => run.value !== null && run.stage === stage,
    );
    const values = soundRuns(untouched, contract.decision).map((run) => run.value as number);
    const audit = await latestAudit(ledger, at.id);
    result.push({
      epoch: at.epoch,
      tag: at.tag,
      baseline: values.length > 0 ? mean(values) : null,
      audited:
        audit?.endedAt == null
          ? null
          : { effect: audit.effect as number, interval: [audit.low as number, audit.high as number] },
    });
  }
  return result;
}

/** One experiment with its texts, or a message that names what there is. */
export async function rowOf(ledger: Ledger, row: SessionRow, number: number): Promise<Row> {
  const experiment = await experimentByNumber(ledger, row.id, number);
  if (!experiment) {
    const last = (await experiments(ledger, row.id, { limit: 1 })).at(-1)?.number ?? 0;
    throw new UserError(
      `session ${row.tag} has no experiment ${number}`,
      last === 0 ? "it has none yet" : `it has 1 to ${last}`,
    );
  }
  const { contract } = storedProgram(row.program);
  const stage = contract.stages.find((each) => each.decides)?.name ?? null;
  const runs = await evaluationsOf(ledger, { experiment: experiment.id });
  const [only] = await rowsOf(ledger, row, [experiment], true);
  return { ...(only as Row), valueRuns: valuedRuns(runs, stage).length };
}

async function rowsOf(
  ledger: Ledger,
  row: SessionRow,
  list: readonly ExperimentRow[],
  texts: boolean,
): Promise<Row[]> {
  const changes = texts
    ? await changesOf(
        ledger,
        list.map((experiment) => experiment.id),
      )
    : null;
  const costs = await turnCosts(
    ledger,
    list.map((experiment) => experiment.id),
  );
  const uses = await usesOf(
    ledger,
    list.map((experiment) => experiment.id),
  );
  const undecided = workingProcess(row) === null ? "open" : "running";
  const rows: Row[] = [];
  for (const experiment of list) {
    const use = uses.get(experiment.id);
    const cost = costs.get(experiment.id);
    const made = experiment.decision;
    const failing = made && made.kind !== "keep" && made.effect === null;
    const runs: EvaluationRow[] =
      texts && failing ? await evaluationsOf(ledger, { experiment: experiment.id }) : [];
    const broken = runs.findLast(
      // What a candidate printed on the holdout could tell of the holdout.
      (run) => run.failureKind !== null && (run.purpose !== "holdout" || run.failureKind === "scorer"),
    );
    rows.push({
      id: experiment.number,
      status: made?.kind ?? undecided,
      what: experiment.what,
      ...(experiment.mechanism === null ? {} : { mechanism: experiment.mechanism }),
      ...(experiment.prediction === null ? {} : { prediction: experiment.prediction }),
      researcher: experiment.researcher,
      value: made?.value ?? null,
      effect: made?.effect ?? null,
      interval: made?.low == null || made.high == null ? null : [made.low, made.high],
      p: made?.p ?? null,
      pReal: made?.pReal ?? null,
      t: made?.t ?? null,
      pairs: made?.pairs ?? 0,
      runs: made?.runs ?? 0,
      valueRuns: null,
      reason: made?.reason ?? "being evaluated",
      commit: made?.keepCommit ?? experiment.commitId,
      added: experiment.added,
      removed: experiment.removed,
      diff: changes?.get(experiment.id)?.diff ?? "",
      peakBytes: made?.peakBytes ?? null,
      wallMs: made?.wallMs ?? 0,
      ...(cost ? { cost } : {}),
      ...(use ? { used: use } : {}),
      startedAt: experiment.proposedAt,
      provisional: made?.provisional === 1,
      doubt: made?.doubt ?? null,
      ...(experiment.verdict === null ? {} : { verdict: experiment.verdict }),
      lesson: experiment.lesson,
      logTail: broken?.logTail ?? null,
      ...(broken?.failureKind ? { failureKind: broken.failureKind } : {}),
    });
  }
  return rows;
}

function spreadOf(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}
