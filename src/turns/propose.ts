import { join } from "node:path";
import { Interrupted } from "../errors.ts";
import { whetstoneFolder } from "../lab/index.ts";
import { addTurns, experimentByNumber, type NewTurn } from "../ledger/index.ts";
import {
  type Answer,
  type Briefing,
  briefingText,
  type Proposal,
  proposalKey,
  type Refused,
  type Repair,
  type Researcher,
  type Task,
  type TurnRecord,
  type WorkingCopy,
} from "../researcher/index.ts";
import { type Proposed, recordProposal, type Session } from "../session/index.ts";
import type { Course } from "../strategy/index.ts";
import type { TraceEvent } from "../trace.ts";
import { ask, emptyTurn } from "./ask.ts";
import { askedNoMore, noteAsked } from "./inFlight.ts";
import { recallMemory } from "./recall.ts";
import { type Copy, openWorkingCopy } from "./workingCopy.ts";

/** A researcher with what it is told besides what all are told. */
export interface Entrant {
  researcher: Researcher;
  /** Its part of the proposals before anything is known, relative to the others'. */
  share: number;
  role?: string;
}

/** What came of asking for a proposal. */
export type Asked =
  | { kind: "proposed"; proposed: Proposed }
  /** A person's verdict has changed the incumbent meanwhile: ask again. */
  | { kind: "stale" }
  /** A limit has been reached between two tries. */
  | { kind: "limit" }
  | Exclude<Answer, { kind: "proposal" }>;

/** How often in a row it may come with what has been tried already. */
const tries = { paid: 3, mechanical: 1000 };

/** What one proposal is asked with. */
export interface Request {
  entrant: Entrant;
  /** The crash to be mended. */
  repair?: Repair;
  /** What may still be spent, asked before each call; null: nothing. */
  allowance: () => Promise<Pick<Task, "tokens" | "dollars"> | null>;
  /** A working copy that is kept from turn to turn. */
  copies: Copies;
}

/** What a researcher is told: the briefing in words, from the ledger as it is now. */
export async function words(
  session: Session,
  course: Course,
  { entrant: { role }, repair }: Pick<Request, "entrant" | "repair">,
  refused: readonly Refused[] = [],
): Promise<string> {
  return briefingText(
    {
      ...{ program: session.lab.program, files: course.incumbent.files, refused },
      memory: await recallMemory(session, course),
      ...(role === undefined ? {} : { role }),
      ...(repair ? { repair } : {}),
    },
    session.contract.briefing.tokens,
  );
}

/** Asks one researcher until it comes with something new, and records what it was told, did and cost. */
export async function propose(session: Session, course: Course, request: Request): Promise<Asked> {
  const { row, lab, ledger, listener, abort } = session;
  const { entrant, repair, copies } = request;
  const { researcher } = entrant;
  const { incumbent } = course;
  const refused: (Refused & { key: string })[] = [];
  const earlierTurns: number[] = [];
  listener({ type: "phase", phase: "propose", number: course.decided + 1, what: researcher.name });
  const began = performance.now();
  const briefing: Briefing = {
    program: lab.program,
    files: incumbent.files,
    history: course.history,
    seed: row.seed,
  };
  const most = researcher.paid ? tries.paid : tries.mechanical;
  for (let attempt = 0; attempt < most; attempt++) {
    const allowance = await request.allowance();
    if (allowance === null) return { kind: "limit" };
    const started = { at: Date.now(), since: performance.now() };
    const purpose = repair ? "repair" : "propose";
    if (researcher.paid) await noteAsked(session, { researcher: researcher.name, purpose, at: started.at });
    let told = "";
    const answer = await ask(
      researcher,
      briefing,
      {
        refused: new Set(refused.map(({ key }) => key)),
        words: async () => {
          told = await words(session, course, request, refused);
          return told;
        },
        workingCopy: () => copies.at(session, incumbent.files),
        ...(repair ? { repair } : {}),
        ...allowance,
        onEvent: (event: TraceEvent) => listener({ type: "trace", researcher: researcher.name, event }),
      },
      abort.signal,
    ).catch(async (error: unknown) => {
      await askedNoMore(session);
      throw error;
    });
    const turns = (made: TurnRecord[]): NewTurn[] =>
      // Why it was asked is known here: a second try within one call is no repair of a crash.
      made.map((turn) => ({ ...turn, purpose, researcher: researcher.name }));
    if (answer.kind !== "proposal") {
      const silent = researcher.paid === true && (answer.turns ?? []).length === 0;
      const ms = performance.now() - started.since;
      const made = silent
        ? [emptyTurn(purpose, told, endingOf(answer), { at: started.at, ms })]
        : (answer.turns ?? []);
      await addTurns(ledger, row.id, null, turns(made));
      await askedNoMore(session);
      if (abort.signal.aborted) throw new Interrupted();
      return answer;
    }
    const own = turns(answer.turns ?? []);
    const proposal = repair ? named(answer.proposal, repair.number) : answer.proposal;
    const recorded = await recordProposal(session, course, {
      ...{ researcher: researcher.name, proposal, turns: own, earlierTurns },
      ...(answer.violations ? { violations: answer.violations } : {}),
      proposeMs: performance.now() - began,
    });
    if (recorded.kind !== "new") earlierTurns.push(...(await addTurns(ledger, row.id, null, own)));
    await askedNoMore(session);
    if (recorded.kind === "new") return { kind: "proposed", proposed: recorded.proposed };
    if (recorded.kind === "stale") return { kind: "stale" };
    refused.push({
      key: proposalKey(answer.proposal),
      what: answer.proposal.hypothesis.what,
      earlier: await inWords(session, recorded),
    });
    if (abort.signal.aborted) throw new Interrupted();
  }
  if (researcher.paid !== true)
    return { kind: "nothing", reason: "everything that it knows of has been tried" };
  const reason = `it came ${most} times with what had been tried already, the last time with the content of ${refused.at(-1)?.earlier}`;
  if (earlierTurns.length === 0)
    await addTurns(ledger, row.id, null, [
      {
        ...emptyTurn(
          repair ? "repair" : "propose",
          "",
          { ending: "unchanged", message: reason },
          {
            at: Date.now(),
            ms: performance.now() - began,
          },
        ),
        researcher: researcher.name,
      },
    ]);
  return { kind: "failed", ending: "unchanged", reason };
}

function endingOf(answer: Exclude<Answer, { kind: "proposal" }>): {
  ending: TurnRecord["ending"];
  message: string;
} {
  const message = answer.reason;
  switch (answer.kind) {
    case "failed":
      return { ending: answer.ending, message };
    case "wait":
      return { ending: "rate", message };
    case "stop":
      return { ending: "auth", message };
    case "nothing":
      return { ending: "unchanged", message };
  }
}

/** A repair names what it repairs. */
function named(proposal: Proposal, number: number): Proposal {
  const { hypothesis } = proposal;
  return { ...proposal, hypothesis: { ...hypothesis, what: `repair of #${number}: ${hypothesis.what}` } };
}

/** The earlier experiment with the same content. */
async function inWords(session: Session, { tag, number }: { tag: string; number: number }): Promise<string> {
  const { ledger, row } = session;
  if (number === 0) return "the untouched base";
  if (tag !== row.tag) return `#${number} of session ${tag}`;
  const made = (await experimentByNumber(ledger, row.id, number))?.decision;
  return made ? `#${number}, a ${made.kind} (${made.reason})` : `#${number}, which is not decided yet`;
}

/** The folder in which agents work: laid out once, and brought to the incumbent before each turn. */
export interface Copies {
  at(session: Session, files: Record<string, string>): Promise<WorkingCopy>;
}

export function copies(): Copies {
  let copy: Copy | null = null;
  return {
    at: async (session, files) => {
      const { contract, place, baseFiles, lab } = session;
      copy ??= await openWorkingCopy(
        { contract, place, baseFiles },
        join(whetstoneFolder(lab.folder), "agent"),
      );
      await copy.put(files);
      return copy;
    },
  };
}
