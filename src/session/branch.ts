import { mean } from "../base/index.ts";
import type { Contract } from "../contract/index.ts";
import { UserError } from "../errors.ts";
import {
  changeOf,
  type ExperimentRow,
  evaluationsOf,
  experiments,
  type Ledger,
  reviewsOf,
  type SessionRow,
  setKeepCommit,
  setReviewCommit,
  storedProgram,
} from "../ledger/index.ts";
import type { Listener } from "../notebook/index.ts";
import { branchTip, bringBranch, isAt, type Repo, recordKeep, switchAway } from "../repo/index.ts";
import { decidingStage, soundRuns } from "../strategy/index.ts";

export interface Branched {
  ledger: Ledger;
  row: SessionRow;
  repo: Repo;
  contract: Contract;
  listener?: Listener;
}

/** Sessions whose person has been told that the branch is checked out: once is enough. */
const told = new WeakSet<SessionRow>();

/** Says once that a branch is looked at, and what becomes of it. */
export function tellCheckedOut(
  { row, listener }: Pick<Branched, "row" | "listener">,
  worktree: string,
): void {
  if (told.has(row)) return;
  told.add(row);
  listener?.({
    type: "notice",
    message: `the branch ${row.branch} is checked out in ${worktree}: the session goes on, its commits wait under refs/whetstone/, and the branch is moved once it is free (${switchAway(worktree)})`,
  });
}

/** Brings the branch to what waits for it, where somebody who looked at it has left it meanwhile. */
export async function releaseBranch(at: Branched): Promise<void> {
  if (told.has(at.row)) await settleBranch(at).catch(() => {});
}

/**
 * Puts a kept change on the branch; the ledger's decision comes first, so an interrupted keep is simply repeated.
 *
 * @param before the metric's value of the incumbent that it replaces.
 */
export async function commitKeep(
  { repo, row, contract, ledger, listener }: Branched,
  experiment: ExperimentRow,
  after: Record<string, string | null>,
  parent: string,
  before: number,
): Promise<string> {
  const made = experiment.decision as NonNullable<ExperimentRow["decision"]>;
  const { name } = contract.metric;
  const message = [
    experiment.what,
    "",
    ...(experiment.mechanism ? [`Why: ${experiment.mechanism}.`, ""] : []),
    `${made.reason.replace(/^./, (first) => first.toUpperCase())}.`,
    "",
    ...(made.doubt === null ? [] : [`Waits for review: ${made.doubt}.`, ""]),
    `Whetstone-Session: ${row.tag}`,
    `Whetstone-Experiment: ${experiment.number}`,
    `Whetstone-Metric: ${name} ${figure(before)} -> ${figure(made.value as number)}`,
    `Whetstone-Effect: ${figure(made.effect as number)} [${figure(made.low as number)}, ${figure(made.high as number)}]`,
    `Whetstone-Channel: ${row.channel}, ${row.level}`,
    "",
  ].join("\n");
  const { commit, waitsFor } = await recordKeep(repo, row.branch, {
    parent,
    changes: after,
    message,
    when: made.decidedAt,
  });
  if (waitsFor !== null) tellCheckedOut({ row, ...(listener ? { listener } : {}) }, waitsFor);
  await setKeepCommit(ledger, experiment.id, commit);
  return commit;
}

function figure(value: number): string {
  return String(Number(value.toPrecision(6)));
}

/**
 * Brings branch and ledger together: every keep gets its commit, in order, and every rejected one is taken back by a
 * commit of its own, with all that was built on it.
 *
 * @returns the branch's tip.
 * @throws UserError when somebody else has moved the branch.
 */
export async function settleBranch(at: Branched): Promise<string> {
  const { ledger, row, repo } = at;
  const keeps = await experiments(ledger, row.id, { kinds: ["keep"] });
  const rejections = (await reviewsOf(ledger, row.id)).filter((review) => review.verdict === "reject");
  let commit = row.baseCommit;
  let standing: ExperimentRow[] = [];

  const takeBack = async (review: (typeof rejections)[number]) => {
    const first = standing.findIndex(({ number }) => number === review.number);
    if (first < 0) return;
    const fallen = standing.slice(first);
    standing = standing.slice(0, first);
    if (review.commitId !== null) {
      commit = review.commitId;
      return;
    }
    const changes: Record<string, string | null> = {};
    for (const { id } of fallen.toReversed()) Object.assign(changes, (await changeOf(ledger, id)).before);
    const built = fallen.slice(1).map(({ number }) => `#${number}`);
    const taken = await recordKeep(repo, row.branch, {
      parent: commit,
      changes,
      message: [
        `Take back #${review.number}: ${fallen[0]?.what}`,
        "",
        review.note ? `Rejected by review: ${review.note}.` : "Rejected by review.",
        ...(built.length > 0 ? ["", `With it goes what was built on it: ${built.join(", ")}.`] : []),
        "",
        `Whetstone-Session: ${row.tag}`,
        `Whetstone-Rejected: ${review.number}`,
        "",
      ].join("\n"),
      when: review.reviewedAt,
    });
    commit = taken.commit;
    if (taken.waitsFor !== null) tellCheckedOut(at, taken.waitsFor);
    await setReviewCommit(ledger, review.experimentId, commit);
  };

  const waiting = [...rejections];
  for (const experiment of keeps) {
    while (waiting[0] && waiting[0].afterNumber < experiment.number)
      await takeBack(waiting.shift() as (typeof rejections)[number]);
    const made = experiment.decision as NonNullable<ExperimentRow["decision"]>;
    const missing = async () => {
      const last = standing.at(-1)?.decision?.value ?? (await baselineOf(at));
      return commitKeep(at, experiment, (await changeOf(ledger, experiment.id)).after, commit, last);
    };
    commit = made.keepCommit ?? (await missing());
    standing.push(experiment);
  }
  for (const review of waiting) await takeBack(review);

  if (keeps.length === 0 || (await isAt(repo, row.branch, commit))) return commit;
  const brought = await bringBranch(repo, row.branch, commit);
  if (brought !== null && brought !== "moved") tellCheckedOut(at, brought.worktree);
  if (brought !== null) return commit;
  const tip = await branchTip(repo, row.branch);
  throw new UserError(
    tip === null
      ? `the branch ${row.branch} is gone; its last commit is ${commit.slice(0, 10)}`
      : `the branch ${row.branch} was moved by somebody else (it is at ${tip.slice(0, 10)}, the session left it at ${commit.slice(0, 10)})`,
    `put it back with: git branch -f ${row.branch} ${commit.slice(0, 10)}`,
  );
}

/** Mean of the untouched code's runs on the rung that decides. */
async function baselineOf({ ledger, row, contract }: Branched): Promise<number> {
  const stage = decidingStage(contract);
  const runs = (await evaluationsOf(ledger, { baseline: row.id })).filter(
    (run) => run.value !== null && run.stage === stage,
  );
  const begunWith = storedProgram(row.program).contract.decision;
  return mean(soundRuns(runs, begunWith).map((run) => run.value as number));
}
