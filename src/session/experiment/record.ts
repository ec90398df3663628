import { posix } from "node:path";
import type { Files } from "../../evaluator/index.ts";
import {
  addExperiment,
  type Box,
  type ExperimentRow,
  earlierLook,
  experimentByNumber,
  type NewTurn,
  StaleIncumbent,
  setCandidateCommit,
} from "../../ledger/index.ts";
import {
  contentHash,
  diffText,
  lineCounts,
  mayChange,
  pathFault,
  recordCandidate,
  type Violation,
} from "../../repo/index.ts";
import type { Proposal } from "../../researcher/index.ts";
import { applied, type Course } from "../../strategy/index.ts";
import type { Session } from "../session.ts";

export interface Proposed {
  /** The candidate's commit is written while it is measured; awaited before the decision is recorded. */
  committed: Promise<void>;
  experiment: ExperimentRow;
  after: Record<string, string | null>;
  before: Record<string, string | null>;
}

/** What a researcher came with, before it is recorded. */
export interface Recording {
  researcher: string;
  proposal: Proposal;
  /** What else was changed in the working copy; any of it makes the experiment invalid. */
  violations?: readonly Violation[];
  proposeMs: number;
  /** What it was asked and did: recorded in one transaction with the proposal. */
  turns?: readonly NewTurn[];
  /** The sandbox of an agent that drives. */
  box?: Box;
  /** Ids of turns before these in which it came with what had been tried already. */
  earlierTurns?: readonly number[];
}

export type Recorded =
  | { kind: "new"; proposed: Proposed }
  /** The same files were looked at before, in experiment `number` of session `tag`; 0: the untouched base. */
  | { kind: "known"; tag: string; number: number }
  /** A person's verdict has changed the incumbent meanwhile. */
  | { kind: "stale" };

/** Gives a proposal its number, unless the same state was looked at before: no second chance. */
export async function recordProposal(
  session: Session,
  course: Course,
  { researcher, proposal, violations: found = [], proposeMs, turns = [], earlierTurns = [], box }: Recording,
): Promise<Recorded> {
  const { ledger, row } = session;
  const { incumbent } = course;
  const { hypothesis, changes } = proposal;
  const files = contentHash(applied(incumbent.files, changes));
  const violations = [...forbidden(session, changes), ...found];
  if (found.length === 0) {
    const { tag } = row;
    if (files === incumbent.state) return { kind: "known", tag, number: incumbent.number };
    if (files === row.baseState) return { kind: "known", tag, number: 0 };
  }
  // The same files without what must not be there are another candidate, which nobody has looked at.
  const hash = found.length === 0 ? files : contentHash({ files, found: JSON.stringify(found) });
  const look = { sessionId: row.id, pins: row.pins, state: hash, parentState: incumbent.state };
  const earlier = await earlierLook(ledger, look);
  if (earlier) return { kind: "known", ...earlier };
  const before: Record<string, string | null> = {};
  for (const path of Object.keys(changes)) before[path] = incumbent.files[path] ?? null;
  const added = await addExperiment(ledger, {
    sessionId: row.id,
    state: hash,
    parent: incumbent.number,
    parentState: incumbent.state,
    researcher,
    what: hypothesis.what,
    mechanism: hypothesis.mechanism ?? null,
    prediction: hypothesis.prediction ?? null,
    ...lineCounts(before, changes),
    proposedAt: Date.now(),
    changes: { after: changes, before, diff: diffText(before, changes) },
    violations,
    proposeMs,
    turns,
    earlierTurns,
    ...(box ? { box } : {}),
    reviewed: course.reviewed,
  }).catch((error: unknown) => {
    if (error instanceof StaleIncumbent) return null;
    throw error;
  });
  if (added === null) return { kind: "stale" };
  const experiment = (await experimentByNumber(ledger, row.id, added.number)) as ExperimentRow;
  const committed =
    violations.length === 0
      ? commitCandidate(session, experiment, changes, incumbent.commit)
      : Promise.resolve();
  // A failure shows where it is awaited.
  committed.catch(() => {});
  return { kind: "new", proposed: { experiment, after: changes, before, committed } };
}

/** Stores a candidate's tree; doing it again gives the same commit. */
export async function commitCandidate(
  session: Pick<Session, "repo" | "row" | "ledger">,
  experiment: ExperimentRow,
  changes: Record<string, string | null>,
  parent: string,
): Promise<void> {
  const commit = await recordCandidate(session.repo, candidateRef(session, experiment.number), {
    parent,
    changes,
    message: `${experiment.what}\n\nCandidate ${experiment.number} of session ${session.row.tag}.\n`,
    when: experiment.proposedAt,
  });
  await setCandidateCommit(session.ledger, experiment.id, commit);
}

export function candidateRef({ repo, row }: Pick<Session, "repo" | "row">, number: number): string {
  const lab = repo.labPath
    .split("/")
    .map((part) => part.replace(/[^A-Za-z0-9_-]+/g, "-") || "root")
    .join("/");
  return `refs/whetstone/${lab}/${row.tag}/${number}`;
}

export function forbidden({ contract, place, baseFiles }: Session, changes: Proposal["changes"]) {
  const found: { path: string; kind: string; detail: string }[] = [];
  for (const [path, text] of Object.entries(changes)) {
    const detail = mayChange(contract.change, path)
      ? isFixed(place, baseFiles, path)
        ? "what lies there is no text that a candidate can change"
        : text === null
          ? null
          : inTheWay(place, path)
      : (pathFault(path) ?? `\`change\` allows only ${contract.change.join(", ")}`);
    if (detail !== null) found.push({ path, kind: "forbidden", detail });
  }
  return found;
}

/** Whether something lies there in the base that was not read as an editable text: an image, a link, a large file. */
function isFixed({ laid, lab }: Session["place"], baseFiles: Files, path: string): boolean {
  return Object.hasOwn(laid, posix.join(lab, path)) && !Object.hasOwn(baseFiles, path);
}

/** A file cannot take the place of a pinned folder, nor a folder that of a pinned file. */
function inTheWay({ laid, lab }: Session["place"], path: string): string | null {
  const at = posix.join(lab, path);
  for (const pinned of Object.keys(laid)) {
    if (pinned.startsWith(`${at}/`)) return `it would take the place of the folder of ${pinned}`;
    if (at.startsWith(`${pinned}/`)) return `it would take the place of ${pinned}`;
  }
  return null;
}
