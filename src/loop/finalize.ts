import type { Contract } from "../contract/index.ts";
import * as decision from "../decision/index.ts";
import { RunFailed, UserError } from "../errors.ts";
import type { Files } from "../evaluator/index.ts";
import {
  type AuditRow,
  changeOf,
  type EvaluationRow,
  type ExperimentRow,
  evaluationsOf,
  latestAudit,
  reviewsOf,
  type SessionRow,
} from "../ledger/index.ts";
import { outcomeOf, partsOf, removals, standingKeeps, withSession } from "../notebook/index.ts";
import { applyChange, branchesBelow, contentHash, recordReview } from "../repo/index.ts";
import type { Finalized, Parts, ReviewBranch } from "../report/index.ts";
import { auditSession, type Comparison, measurePairs, refuseChangedRecord } from "./audit.ts";
import { independentGroups } from "./grouping.ts";
import type { LabFolder } from "./lab.ts";
import { reviewMessage, slug } from "./reviewMessage.ts";
import { openSealed } from "./sealed.ts";
import { Interrupted, letGo, openSession, type Session, type SessionOptions } from "./session.ts";
import { type Incumbent, replay } from "./state.ts";

export interface FinalizeOptions extends Pick<SessionOptions, "listener" | "abort" | "stop"> {
  /** The session; default: the newest. */
  tag?: string;
  /** Pairs of each comparison, 2 or more. Default 8. */
  pairs?: number;
  /** False: measure only, write no branch. */
  branches?: boolean;
}

/**
 * Measures what each kept change is worth in the final state, looks for a leaner state, and writes review branches.
 *
 * Every run is recorded: an interrupted call goes on where it stopped, and a finished one repeats nothing.
 *
 * @throws UserError when nothing was kept, a keep waits for its review, or what judges has changed.
 * @throws RunFailed when it was asked to stop, or a state fails that the parts are compared with.
 */
export async function finalizeSession(lab: LabFolder, options: FinalizeOptions = {}): Promise<Finalized> {
  const pairs = options.pairs ?? 8;
  if (!Number.isInteger(pairs) || pairs < 2)
    throw new UserError(`${pairs} pairs give no interval`, "2 pairs or more, better 8");
  // Looked up first, since opening would begin a session where there is none to go on with.
  const { tag, level } = await withSession(lab.folder, options.tag, async (_, row) => row);
  const { listener, abort, stop } = options;
  try {
    const session = await openSession(lab, {
      tag,
      ...(listener ? { listener } : {}),
      ...(abort ? { abort } : {}),
      ...(stop ? { stop } : {}),
      // A headline rests on git and contents, not on what earlier processes left.
      thorough: true,
      // What is compared with a session's figures is measured as they were.
      ...(level === "L0" ? { level } : {}),
    });
    try {
      return await finalizeOpened(session, pairs, options);
    } finally {
      // The session itself is as it was: finalizing is no part of its research.
      await letGo(session);
    }
  } catch (error) {
    if (error instanceof Interrupted)
      throw new RunFailed(
        "stopped by hand before the end",
        "`whet finalize` goes on; no finished run is repeated",
      );
    throw error;
  }
}

async function finalizeOpened(session: Session, pairs: number, options: FinalizeOptions): Promise<Finalized> {
  await refuseChangedRecord(session.ledger);
  const { state } = await replay(session);
  session.noise = state.noise;
  const keeps = await judgedKeeps(session, state.incumbent);
  await auditSession(session, state.incumbent, pairs);
  const audit = (await latestAudit(session.ledger, session.row.id)) as AuditRow;
  const sealed = await openSealed(session, state.incumbent, pairs);
  const final = await openFinal(session, state.incumbent, keeps, pairs);

  await ablate(final);
  const { changes } = await partsOf(session.ledger, session.contract, audit);
  const kept = await takeOut(final, changes);
  const groups = await reviewGroups(final, audit, kept, changes);
  const parts = await partsOf(session.ledger, session.contract, audit);
  const branches = options.branches === false ? [] : await writeBranches(final, parts, groups, kept.lean);
  return {
    lab: session.lab.name,
    tag: session.row.tag,
    base: session.row.baseCommit,
    metric: {
      name: session.contract.metric.name,
      direction: session.contract.metric.direction,
      ...(session.contract.metric.unit === undefined ? {} : { unit: session.contract.metric.unit }),
    },
    channel: session.evaluator.channel,
    level: session.row.level,
    deterministic: session.noise.deterministic,
    sigma: decision.sigma(session.noise),
    pairs,
    audit: {
      n: audit.pairs,
      baselineMean: audit.baselineMean as number,
      finalMean: audit.finalMean as number,
      effect: audit.effect as number,
      interval: [audit.low as number, audit.high as number],
      relative: (audit.effect as number) / Math.abs(audit.baselineMean as number),
    },
    sealed,
    ...parts,
    branches,
    notes: [...kept.notes, ...(options.branches === false ? [] : await staleBranches(final, branches))],
  };
}

/** The kept changes that the final state is made of. @throws UserError when there is none, or one waits for a person. */
async function judgedKeeps(session: Session, incumbent: Incumbent): Promise<ExperimentRow[]> {
  const { ledger, row } = session;
  const keeps = await standingKeeps(ledger, row.id, incumbent.number);
  if (keeps.length === 0)
    throw new UserError(
      `session "${row.tag}" has kept nothing, so there is nothing to finalize`,
      "`whet log` shows what was tried, `whet run` goes on",
    );
  const reviewed = new Set((await reviewsOf(ledger, row.id)).map((review) => review.experimentId));
  const waiting = keeps.filter((keep) => keep.decision?.doubt != null && !reviewed.has(keep.id));
  if (waiting.length > 0)
    throw new UserError(
      `${waiting.map((keep) => `experiment ${keep.number}`).join(", ")} waits for a person: ${waiting[0]?.decision?.doubt}`,
      "review it first: whet review",
    );
  return keeps;
}

interface Change {
  keep: ExperimentRow;
  before: Record<string, string | null>;
  after: Record<string, string | null>;
}

/** The final state with what its parts are measured with. */
interface Final {
  session: Session;
  incumbent: Incumbent;
  /** By experiment number, in the order in which they were kept. */
  changes: Map<number, Change>;
  measure: (
    what: string,
    comparison: Pick<Comparison, "kind" | "against"> & { files: Files; subject: readonly number[] },
  ) => Promise<AuditRow>;
}

async function openFinal(
  session: Session,
  incumbent: Incumbent,
  keeps: readonly ExperimentRow[],
  pairs: number,
): Promise<Final> {
  const changes = new Map<number, Change>();
  for (const keep of keeps) {
    const { before, after } = await changeOf(session.ledger, keep.id);
    changes.set(keep.number, { keep, before, after });
  }
  return {
    session,
    incumbent,
    changes,
    measure: (what, { kind, against, files, subject }) =>
      measurePairs(session, {
        kind,
        what,
        against,
        state: contentHash(files),
        files,
        subject,
        experiment: incumbent.number,
        pairs,
      }),
  };
}

/** The final state without some changes, the newest taken out first; null where one does not come off cleanly. */
async function without({ incumbent, changes }: Final, numbers: readonly number[]): Promise<Files | null> {
  let files: Files | null = incumbent.files;
  for (const number of numbers.toSorted((one, other) => other - one)) {
    const { before, after } = changes.get(number) as Change;
    files = files && (await applyChange(files, { before: after, after: before }));
  }
  return files;
}

/** The untouched code with some changes, in their order, after each of them; null where one does not fit. */
async function stacked({ session, changes }: Final, numbers: readonly number[]): Promise<Files[] | null> {
  const states: Files[] = [];
  let files: Files | null = session.baseFiles;
  for (const number of numbers) {
    files = await applyChange(files, changes.get(number) as Change);
    if (files === null) return null;
    states.push(files);
  }
  return states;
}

/**
 * Measures the final state without each change in turn. Changes of the same lines, such as a constant that was set three
 * times, come off together with the later ones only: what they are worth is what the chain from there on is worth.
 */
async function ablate(final: Final): Promise<void> {
  // Without the only change it is the baseline, which the audit has measured.
  if (final.changes.size === 1) return;
  for (const [number, { keep }] of final.changes) {
    const subject = await chainFrom(final, number);
    const files = subject && (await without(final, subject));
    if (!files) continue;
    const others = subject.filter((other) => other !== number);
    await final.measure(
      `the final state without #${number} ${keep.what}${others.length === 0 ? "" : ` and ${named(others)}, which rest on it`}`,
      { kind: "ablation", against: final.incumbent, files, subject },
    );
  }
}

/** A change with the fewest later ones that have to be taken out with it; null where it does not come off at all. */
async function chainFrom(final: Final, number: number): Promise<number[] | null> {
  if ((await without(final, [number])) !== null) return [number];
  let chain = [...final.changes.keys()].filter((other) => other >= number);
  if ((await without(final, chain)) === null) return null;
  for (const other of chain.slice(1)) {
    const fewer = chain.filter((each) => each !== other);
    if ((await without(final, fewer)) !== null) chain = fewer;
  }
  return chain;
}

interface TakenOut {
  /** Files of the state that is proposed; null when none is. */
  lean: { files: Files; removed: number[]; audit: AuditRow } | null;
  /** The changes that stay. */
  left: number[];
  notes: string[];
}

/** Looks for the state without all that is not shown to carry weight, or without as much of it as can go. */
async function takeOut(final: Final, parts: Parts["changes"]): Promise<TakenOut> {
  const { session, incumbent, changes } = final;
  const all = [...changes.keys()];
  const left = (removed: readonly number[]) => all.filter((number) => !removed.includes(number));
  const sets = removals(
    parts,
    [...changes.values()].map(({ keep }) => keep),
  );
  const notes: string[] = [];
  for (const removed of sets) {
    const files = await without(final, removed);
    if (files === null) {
      notes.push(`${named(removed)} cannot be taken out together: they touch the same lines`);
      continue;
    }
    if (contentHash(files) === session.row.baseState) {
      if (all.length === 1)
        return {
          lean: null,
          left: [],
          notes: [`${named(removed)}, the only change, is not shown to carry weight`],
        };
      notes.push(
        `none of ${named(removed)} is shown to carry weight alone, and without them nothing is left`,
      );
    }
    const audit = await final.measure(`the final state without ${named(removed)}`, {
      kind: "ablation",
      against: incumbent,
      files,
      subject: removed,
    });
    const { estimate, failure } = await outcomeOf(session.ledger, session.contract, audit);
    if (failure !== null || !estimate) {
      notes.push(`${named(removed)} cannot all go: ${failure}`);
      continue;
    }
    if (!decision.notWorse(estimate.interval, session.contract.metric.minEffect)) {
      notes.push(
        `${named(removed)} cannot all go: each alone is not shown to carry weight, together they do`,
      );
      continue;
    }
    if (contentHash(files) === session.row.baseState) return { lean: null, left: [], notes };
    const own = await final.measure(`the lean state (without ${named(removed)}) against the untouched code`, {
      kind: "review",
      against: null,
      files,
      subject: left(removed),
    });
    const alone = await outcomeOf(session.ledger, session.contract, own);
    if (alone.failure === null) return { lean: { files, removed, audit: own }, left: left(removed), notes };
    notes.push(`${named(removed)} cannot all go: ${alone.failure}`);
  }
  return { lean: null, left: all, notes };
}

function named(numbers: readonly number[]): string {
  return numbers.map((number) => `#${number}`).join(", ");
}

/** Changes that are reviewed together. */
interface Group {
  numbers: number[];
  /** The files after each of them. */
  states: Files[];
  /** Their measurement on the untouched code. */
  audit: AuditRow;
}

/**
 * Splits what stays into independent groups and measures each on the untouched code.
 *
 * A group that fails there is measured again with the earlier changes without which the final state fails, too: that is
 * where it shows that one change works only with another.
 */
async function reviewGroups(
  final: Final,
  audit: AuditRow,
  kept: TakenOut,
  parts: Parts["changes"],
): Promise<Group[]> {
  const { session, incumbent } = final;
  const needed = parts.filter((part) => part.verdict === "needed").map((part) => part.experiment);
  /** Changes that failed without those needed before them. */
  const failing = new Set<number>();
  const whole = (group: readonly number[]) =>
    group.every(
      (number) => !failing.has(number) || needed.every((other) => other >= number || group.includes(other)),
    );
  for (;;) {
    const split = await independentGroups(
      [...final.changes.keys()],
      kept.left,
      async (group) => whole(group) && (await stacked(final, group)) !== null,
    );
    const groups: Group[] = [];
    const before = failing.size;
    for (const numbers of split) {
      const states = (await stacked(final, numbers)) as Files[];
      const files = states.at(-1) as Files;
      // All of them together are the final state: the audit has measured it.
      const own =
        contentHash(files) === incumbent.state
          ? audit
          : await final.measure(`${named(numbers)} alone on the untouched code`, {
              kind: "review",
              against: null,
              files,
              subject: numbers,
            });
      groups.push({ numbers, states, audit: own });
      const { failure } = await outcomeOf(session.ledger, session.contract, own);
      if (failure !== null) for (const number of numbers) failing.add(number);
    }
    if (failing.size === before) return groups;
  }
}

async function writeBranches(
  final: Final,
  parts: Parts,
  groups: readonly Group[],
  lean: TakenOut["lean"],
): Promise<ReviewBranch[]> {
  const { session, changes } = final;
  const { repo, row } = session;
  const prefix = branchPrefix(row);
  const trailer = `Whetstone-Review: ${row.tag}`;
  const branches: ReviewBranch[] = [];
  for (const { numbers, states, audit } of groups) {
    const { failure } = await outcomeOf(session.ledger, session.contract, audit);
    // What does not work on its own is no branch that anybody could take.
    if (failure !== null) continue;
    const runs = await evaluationsOf(session.ledger, { audit: audit.id });
    const commits = numbers.map((number, index) => {
      const { keep } = changes.get(number) as Change;
      return {
        changes: difference(states[index - 1] ?? session.baseFiles, states[index] as Files),
        message: reviewMessage({
          ...described(session, audit, runs),
          subject: keep.what,
          mechanism: keep.mechanism,
          prediction: keep.prediction,
          experiments: numbers,
          part: parts.changes.find((each) => each.experiment === number) ?? null,
          own: number,
        }),
        when: audit.endedAt as number,
      };
    });
    const first = changes.get(numbers[0] as number) as Change;
    const name = `${prefix}/${numbers[0]}-${slug(first.keep.what)}`;
    branches.push({
      name,
      commit: await recordReview(repo, name, row.baseCommit, commits, trailer),
      experiments: numbers,
    });
  }
  if (lean && parts.lean) {
    const runs = await evaluationsOf(session.ledger, { audit: lean.audit.id });
    const name = `${prefix}/lean`;
    const message = reviewMessage({
      ...described(session, lean.audit, runs),
      subject: `The final state without ${named(lean.removed)}`,
      mechanism: null,
      prediction: null,
      experiments: parts.lean.left,
      part: null,
      own: null,
      lean: parts.lean,
    });
    const commit = {
      changes: difference(session.baseFiles, lean.files),
      message,
      when: lean.audit.endedAt as number,
    };
    branches.push({
      name,
      commit: await recordReview(repo, name, row.baseCommit, [commit], trailer),
      experiments: parts.lean.left,
    });
  }
  return branches;
}

/** Where an evaluator of another tool calls the candidate itself, the evaluator is what a person would run. */
function runWords({ run, score }: Contract): string {
  return score?.evaluator && score.pipe ? `${score.evaluator.kind}: ${score.evaluator.target}` : run;
}

function described(session: Session, audit: AuditRow, runs: readonly EvaluationRow[]) {
  const { row, contract, repo } = session;
  const values = (arm: EvaluationRow["arm"]) =>
    runs.filter((run) => run.arm === arm).map((run) => ({ value: run.value as number, seed: run.seed }));
  return {
    metric: contract.metric,
    channel: row.channel,
    level: runs[0]?.level ?? row.level,
    effect: {
      effect: audit.effect as number,
      interval: [audit.low as number, audit.high as number] as [number, number],
    },
    untouched: values("baseline"),
    changed: values("candidate"),
    run: runWords(contract),
    tag: row.tag,
    pairs: audit.pairs,
    labPath: repo.labPath,
    base: row.baseCommit,
  };
}

/** Only the files that differ. */
function difference(before: Files, after: Files): Record<string, string | null> {
  const result: Record<string, string | null> = {};
  for (const path of new Set([...Object.keys(before), ...Object.keys(after)]))
    if (before[path] !== after[path]) result[path] = after[path] ?? null;
  return result;
}

function branchPrefix(row: SessionRow): string {
  return `whetstone-review/${row.tag}`;
}

/** Review branches of an earlier call that are not proposed any more. */
async function staleBranches({ session }: Final, now: readonly ReviewBranch[]): Promise<string[]> {
  const prefix = branchPrefix(session.row);
  const names = (await branchesBelow(session.repo, prefix)).map((name) => `${prefix}/${name}`);
  return names
    .filter((name) => !now.some((branch) => branch.name === name))
    .map(
      (name) => `the branch ${name} is of an earlier call and not proposed any more (git branch -D ${name})`,
    );
}
