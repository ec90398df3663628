import type { Contract } from "../contract/index.ts";
import type { Files } from "../evaluator/index.ts";
import { type AuditRow, type EvaluationRow, evaluationsOf, type SessionRow } from "../ledger/index.ts";
import { outcomeOf, type Parts, type ReviewBranch } from "../notebook/index.ts";
import { branchesBelow, contentHash, recordReview } from "../repo/index.ts";
import type { Session } from "../session/index.ts";
import { type Change, type Final, named, stacked, type TakenOut } from "./ablate.ts";
import { independentGroups } from "./grouping.ts";
import { reviewMessage, slug } from "./reviewMessage.ts";

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
export async function reviewGroups(
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

export async function writeBranches(
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
export async function staleBranches({ session }: Final, now: readonly ReviewBranch[]): Promise<string[]> {
  const prefix = branchPrefix(session.row);
  const names = (await branchesBelow(session.repo, prefix)).map((name) => `${prefix}/${name}`);
  return names
    .filter((name) => !now.some((branch) => branch.name === name))
    .map(
      (name) => `the branch ${name} is of an earlier call and not proposed any more (git branch -D ${name})`,
    );
}
