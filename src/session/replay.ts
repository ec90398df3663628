import {
  changeOf,
  changesOf,
  countsRaces,
  eachExperimentRuns,
  experiments,
  reviewsOf,
} from "../ledger/index.ts";
import { apply, begin, type Course, judgeAgain, past, remembered } from "../strategy/index.ts";
import type { Session } from "./session.ts";

export interface Replayed {
  course: Course;
  /** Decisions whose kind or figures do not follow from the recorded evaluations (any more), compared bit by bit. */
  differences: { number: number; recorded: string; replayed: string }[];
}

/** What a replay needs of a session; nothing of it is measured or written. */
export type ReplayOf = Pick<
  Session,
  "ledger" | "row" | "contract" | "rule" | "baseline" | "noise" | "baseFiles"
>;

/**
 * Re-derives noise, decisions and incumbent from the recorded evaluations alone: `apply` over the ledger.
 * An experiment without a decision is left for the loop to finish.
 *
 * @param most how many of the newest experiments the history holds.
 */
export async function replay(session: ReplayOf, most = remembered): Promise<Replayed> {
  const { ledger, row, baseline, noise, contract } = session;
  const differences: Replayed["differences"] = [];
  const counted = countsRaces(row.program);
  const reviews = await reviewsOf(ledger, row.id);
  const base = { state: row.baseState, files: session.baseFiles, commit: row.baseCommit };
  let course = begin({ contract, base, baseline, noise, reviewed: reviews.length });
  /** A verdict counts from the experiment on that was the newest when it was given. */
  const heed = (after: number) => {
    for (const { number, verdict, afterNumber, commitId } of reviews)
      if (verdict === "reject" && afterNumber === after)
        course = apply(session, course, { type: "rejected", number, commit: commitId ?? "" });
  };
  let lastNumber = 0;
  for await (const { experiment, evaluations: runs } of eachExperimentRuns(ledger, row.id)) {
    heed(experiment.number - 1);
    lastNumber = experiment.number;
    const { decision } = experiment;
    if (!decision) continue;
    const { learned, difference } = judgeAgain(session, course, experiment, runs, counted);
    if (difference) differences.push({ number: experiment.number, ...difference });
    const change = decision.kind === "keep" ? await changeOf(ledger, experiment.id) : null;
    const commit = decision.keepCommit ?? "";
    course = apply(session, course, { type: "decided", experiment, runs, learned, change, commit });
  }
  heed(lastNumber);
  return { course: { ...course, history: await newest(session, most) }, differences };
}

/** The newest decided experiments with their changes, oldest first: of the older ones nobody is reminded. */
async function newest({ ledger, row }: ReplayOf, most: number): Promise<Course["history"]> {
  const recent = await experiments(ledger, row.id, { limit: most });
  const changes = await changesOf(
    ledger,
    recent.map((experiment) => experiment.id),
  );
  return recent.flatMap((experiment) => {
    const change = changes.get(experiment.id);
    return experiment.decision && change ? [past(experiment, change)] : [];
  });
}
