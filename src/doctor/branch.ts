import {
  changeOf,
  type ExperimentRow,
  experiments,
  type Ledger,
  reviewsOf,
  type SessionRow,
  setCandidateCommit,
  setKeepCommit,
  setReviewCommit,
  storedProgram,
} from "../ledger/index.ts";
import {
  branchTip,
  type CommitFacts,
  commitFacts,
  contentHash,
  createBranch,
  editableFiles,
  forwardBranch,
  isAncestor,
  type Repo,
  refsBelow,
  restoreRef,
} from "../repo/index.ts";
import { candidateRef, commitCandidate, settleBranch } from "../session/index.ts";
import { type Finding, ill, plural, some, well } from "./finding.ts";

interface Patient {
  ledger: Ledger;
  repo: Repo;
  row: SessionRow;
  /** Whether it is the lab's newest: an older one's branch is the user's to merge, move on or delete. */
  newest: boolean;
}

/** What should be on the branch after the base, in order: the keeps, and what took one of them back. */
interface Step {
  name: string;
  commit: string | null;
  /** Null for what takes a keep back. */
  experiment: ExperimentRow | null;
  /** Takes the commit's id out of the ledger, so that it is made again. */
  forget: () => Promise<void>;
}

/** The branch against the ledger: every keep has its commit, holds the state that was measured, and the tip is the last. */
export async function examineBranch(patient: Patient): Promise<Finding[]> {
  const { repo, row, newest } = patient;
  const at = { session: row.tag };
  const steps = await stepsOf(patient);
  const tip = await branchTip(repo, row.branch);
  const known = steps.flatMap((step) => (step.commit === null ? [] : [step.commit]));
  const facts = await commitFacts(repo, [row.baseCommit, ...known, ...(tip === null ? [] : [tip])]);
  if (!facts.has(row.baseCommit))
    return [
      ill("branch", `the base commit ${short(row.baseCommit)} is no longer in the repository`, {
        ...at,
        fix: "fetch it from where it still is (git fetch); without it the session cannot go on",
      }),
    ];
  const wrong = await wrongSteps(patient, steps, facts);
  if (wrong.length > 0)
    return [
      ill("branch", wrong.join("; "), {
        ...at,
        fix: `look at it with: git log ${short(row.baseCommit)}..${row.branch}`,
      }),
    ];

  const chain = [row.baseCommit, ...known];
  const expected = chain.at(-1) as string;
  const lost = steps.findIndex((step) => step.commit === null || !facts.has(step.commit));
  const keeps = steps.filter((step) => step.experiment !== null).length;
  const moved = (wanted: string) =>
    ill(
      "branch",
      `the branch ${row.branch} was moved by somebody else (it is at ${short(tip ?? "")}, the ledger has it at ${short(wanted)})`,
      { ...at, fix: `put it back with: git branch -f ${row.branch} ${short(wanted)}` },
    );

  if (lost >= 0) {
    const anchor = lost === 0 ? row.baseCommit : (steps[lost - 1]?.commit as string);
    const missing = steps.slice(lost);
    const message = `the commit of ${some(missing.map((step) => step.name))} is not on the branch ${row.branch}`;
    if (tip !== null && !chain.includes(tip) && !madeUnnoticed(facts.get(tip), anchor, missing[0], row))
      return [moved(anchor)];
    return [
      ill("branch", message, {
        ...at,
        repair: {
          question: `make ${plural(missing.length, "commit")} again from the ledger?`,
          run: () => remake(patient, missing, anchor),
        },
      }),
    ];
  }
  if (tip === expected)
    return [
      well(
        "branch",
        `${row.branch} is at ${short(tip)} and agrees with the ledger: ${plural(keeps, "keep")}`,
        row.tag,
      ),
    ];
  if (tip === null) {
    if (!newest)
      return [
        well(
          "branch",
          `${row.branch} was deleted; its commits are there (git branch ${row.branch} ${short(expected)})`,
          row.tag,
        ),
      ];
    return [
      ill("branch", `the branch ${row.branch} is gone; its last commit is ${short(expected)}`, {
        ...at,
        repair: {
          question: `create it again at ${short(expected)}?`,
          run: async () => {
            await createBranch(repo, row.branch, expected);
            return `${row.branch} is at ${short(expected)} again`;
          },
        },
      }),
    ];
  }
  if (chain.includes(tip))
    return [
      ill("branch", `the branch ${row.branch} is at ${short(tip)}, behind the ledger (${short(expected)})`, {
        ...at,
        repair: {
          question: `move it forward to ${short(expected)}?`,
          run: async () => {
            await forwardBranch(repo, row.branch, tip, expected);
            return `${row.branch} is at ${short(expected)}`;
          },
        },
      }),
    ];
  if (!newest && (await isAncestor(repo, expected, tip)))
    return [well("branch", `${row.branch} holds ${plural(keeps, "keep")} and later work`, row.tag)];
  return [moved(expected)];
}

async function stepsOf({ ledger, row }: Patient): Promise<Step[]> {
  const steps: Step[] = [];
  const waiting = (await reviewsOf(ledger, row.id)).filter((review) => review.verdict === "reject");
  let standing: number[] = [];
  const takeBack = (before: number) => {
    while (waiting[0] && waiting[0].afterNumber < before) {
      const { number, commitId, experimentId } = waiting.shift() as (typeof waiting)[number];
      // It may have fallen already, with one that it was built on.
      if (!standing.includes(number)) continue;
      standing = standing.slice(0, standing.indexOf(number));
      steps.push({
        name: `the rejection of experiment ${number}`,
        commit: commitId,
        experiment: null,
        forget: () => setReviewCommit(ledger, experimentId, null),
      });
    }
  };
  for (const experiment of await experiments(ledger, row.id, { kinds: ["keep"] })) {
    takeBack(experiment.number);
    standing.push(experiment.number);
    steps.push({
      name: `experiment ${experiment.number}`,
      commit: experiment.decision?.keepCommit ?? null,
      experiment,
      forget: () => setKeepCommit(ledger, experiment.id, null),
    });
  }
  takeBack(Number.POSITIVE_INFINITY);
  return steps;
}

/** What the commits that are there have wrong: order, names, content. */
async function wrongSteps(
  { repo, row }: Patient,
  steps: readonly Step[],
  facts: ReadonlyMap<string, CommitFacts>,
): Promise<string[]> {
  const { contract } = storedProgram(row.program);
  const wrong: string[] = [];
  let before: string | null = row.baseCommit;
  for (const { name, commit, experiment } of steps) {
    const found = commit === null ? undefined : facts.get(commit);
    if (commit !== null && found) {
      if (before !== null && found.parents[0] !== before)
        wrong.push(`the commit ${short(commit)} of ${name} does not follow ${short(before)}`);
      if (experiment && !names(found, row, experiment.number))
        wrong.push(`the commit ${short(commit)} does not name ${name} of this session`);
      if (experiment && contentHash(await editableFiles(repo, commit, contract.change)) !== experiment.state)
        wrong.push(`the commit ${short(commit)} does not hold the files that ${name} was measured with`);
    }
    before = found ? commit : null;
  }
  return wrong;
}

function names({ message }: CommitFacts, row: SessionRow, number: number): boolean {
  return (
    /^Whetstone-Session: (.*)$/m.exec(message)?.[1] === row.tag &&
    /^Whetstone-Experiment: (.*)$/m.exec(message)?.[1] === String(number)
  );
}

/** Killed between the commit and its note in the ledger: the branch is one ahead, by the very commit that is missing. */
function madeUnnoticed(
  tip: CommitFacts | undefined,
  anchor: string,
  step: Step | undefined,
  row: SessionRow,
): boolean {
  return Boolean(
    tip &&
      step &&
      tip.parents[0] === anchor &&
      (step.experiment === null || names(tip, row, step.experiment.number)),
  );
}

async function remake(patient: Patient, lost: readonly Step[], anchor: string) {
  const { ledger, repo, row } = patient;
  const { contract } = storedProgram(row.program);
  const tip = await branchTip(repo, row.branch);
  if (tip === null) await createBranch(repo, row.branch, anchor);
  else if (tip !== anchor && (await isAncestor(repo, tip, anchor)))
    await forwardBranch(repo, row.branch, tip, anchor);
  // What the ledger does not name is made by the same hand as in a session.
  for (const step of lost) await step.forget();
  const commit = await settleBranch({ ledger, repo, row, contract });
  return `${plural(lost.length, "commit")} made again; ${row.branch} is at ${short(commit)}`;
}

/** Every candidate's tree is still under refs/whetstone/. */
export async function examineCandidates(patient: Patient): Promise<Finding> {
  const { ledger, repo, row } = patient;
  const all = await experiments(ledger, row.id);
  const refs = await refsBelow(repo, candidateRef(patient, 0).replace(/\/0$/, ""));
  const due = all.filter(
    (experiment) =>
      experiment.commitId !== null || (experiment.decision && experiment.decision.kind !== "invalid"),
  );
  const missing = due.filter(
    (experiment) =>
      experiment.commitId === null ||
      refs.get(candidateRef(patient, experiment.number)) !== experiment.commitId,
  );
  if (missing.length === 0)
    return well("candidates", `${plural(due.length, "candidate")} under refs/whetstone/`, row.tag);
  return ill(
    "candidates",
    `the candidate of experiment ${some(missing.map((experiment) => experiment.number))} is not under refs/whetstone/`,
    {
      session: row.tag,
      repair: {
        question: `record ${plural(missing.length, "candidate")} again from the ledger?`,
        run: async () => {
          const there = await commitFacts(
            repo,
            missing.flatMap(({ commitId }) => (commitId === null ? [] : [commitId])),
          );
          // The branch may have been made again meanwhile.
          const kept = await experiments(ledger, row.id, { kinds: ["keep"] });
          const parents = new Map(kept.map(({ number, decision }) => [number, decision?.keepCommit ?? null]));
          for (const experiment of missing) {
            const { commitId, number, parent } = experiment;
            if (commitId !== null && there.has(commitId)) {
              await restoreRef(repo, candidateRef(patient, number), commitId);
              await setCandidateCommit(ledger, experiment.id, commitId);
              continue;
            }
            const { after } = await changeOf(ledger, experiment.id);
            await commitCandidate(
              { repo, row, ledger },
              experiment,
              after,
              parents.get(parent) ?? row.baseCommit,
            );
          }
          return `${plural(missing.length, "candidate")} recorded again`;
        },
      },
    },
  );
}

function short(commit: string): string {
  return commit.slice(0, 10);
}
