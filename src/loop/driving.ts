import { join, resolve } from "node:path";
import { mean } from "../base/index.ts";
import * as decision from "../decision/index.ts";
import { RunFailed, UserError } from "../errors.ts";
import { type LabFolder, readTrying, type TryingNote, whetstoneFolder, writeTrying } from "../lab/index.ts";
import {
  type Box,
  changeOf,
  counts,
  driversOf,
  drivingAgent,
  type ExperimentRow,
  evaluationsOf,
  experimentByNumber,
  heardSince,
  holdoutLooks,
  requireIdea,
  reviewCount,
  sessionByTag,
  tookUpIdea,
  updateSession,
  violationsOf,
} from "../ledger/index.ts";
import type { Listener, Outcome, Standing, Tried } from "../notebook/index.ts";
import { applyChange, identity, rememberIdentity } from "../repo/index.ts";
import type { Hypothesis } from "../researcher/index.ts";
import {
  auditSession,
  closeSession,
  evaluate,
  finishOpen,
  holdoutLimit,
  openSession,
  type Proposed,
  probe,
  recordProposal,
  refuseChangedYardstick,
  type Session,
  type SessionOptions,
  settled,
} from "../session/index.ts";
import { alarm, type Course, limitsOf, reached } from "../strategy/index.ts";
import {
  asideFolder,
  type Copy,
  exists,
  harvested,
  saveEdits,
  setAside,
  workspaceOf,
} from "../turns/index.ts";

export interface TryingOptions extends Pick<SessionOptions, "tag" | "fresh" | "seed" | "level" | "listener"> {
  /** Where the agent edits; default: where it was, or `.whetstone/workspace` of the lab. */
  workspace?: string;
  /** False: do not try Whetstone's own cheats on the evaluator before the first experiment. */
  probe?: boolean;
  /** Nothing is taken from notes of earlier processes: everything is read and laid out anew. For an audit. */
  thorough?: boolean;
  /** The caller makes one try and then closes: what the opening has just read or written is not read or written again. */
  single?: boolean;
  /**
   * Keeps all others from writing in the workspace while something is done there; what belongs together is done in one
   * such call. That it is given means that an agent's sandbox shows it the workspace. Default: nothing keeps them.
   */
  still?: <Result>(work: () => Promise<Result>) => Promise<Result>;
  /** Ends the opening (setup, baseline) at once. */
  signal?: AbortSignal;
}

export interface TryOptions {
  /** Stops at once; the experiment stays open and the next try finishes it. @throws Interrupted */
  signal?: AbortSignal;
  listener?: Listener;
  /** The idea that is tried, by its id. */
  idea?: number;
  /** The sandbox of the agent; absent: as far as is known, the agent has the user's rights. */
  box?: Box;
}

/** A session that an agent drives: it edits the workspace and asks for a verdict, again and again. */
export interface Trying {
  readonly session: Session;
  /** The whole tree that the agent edits in, and what links in it lead to. */
  readonly copy: Pick<Copy, "folder" | "lab" | "linked">;
  /** Harvests the workspace, evaluates, decides, and puts the workspace on the incumbent. */
  try(hypothesis: Hypothesis, options?: TryOptions): Promise<Tried>;
  standing(): Promise<Standing>;
  /** Measures baseline against best on fresh seeds: the headline. @returns false when nothing has been kept. */
  audit(pairs: number, options?: Pick<TryOptions, "signal" | "listener">): Promise<boolean>;
  /** Puts the workspace on the incumbent, or on the files of an experiment to edit on. Unsaved edits are set aside. */
  reset(experiment?: number): Promise<{ setAside: string | null }>;
  close(): Promise<void>;
}

/**
 * Opens the session that an agent drives, with its workspace; both go on where they were.
 *
 * It measures and decides with the loop's own code. Of the agent's it takes the editable files and the words of its
 * hypothesis; no number and no verdict.
 *
 * @throws UserError as `openSession` does; Interrupted when the signal came.
 */
export async function openTrying(lab: LabFolder, options: TryingOptions = {}): Promise<Trying> {
  const note = options.fresh ? null : await readTrying(lab.folder);
  const tag = options.tag ?? (note && (await isThere(note)) ? note.tag : undefined);
  const begun = performance.now();
  const session = await openSession(lab, {
    ...(tag === undefined ? {} : { tag }),
    ...(options.fresh ? { fresh: true } : {}),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.level === undefined ? {} : { level: options.level }),
    ...(options.listener ? { listener: options.listener } : {}),
    abort: linked(options.signal),
    ...(options.thorough ? { thorough: true } : { swift: true }),
  });
  try {
    return await begin(session, note, begun, options);
  } catch (error) {
    await closeSession(session, "stopped", 0);
    throw error;
  }
}

/** Nobody is reminded of what was tried: of the history only the last answer is asked for, behind what is still open. */
const recent = 50;

async function begin(
  session: Session,
  note: TryingNote | null,
  begun: number,
  options: TryingOptions,
): Promise<Trying> {
  const { ledger, row, lab, contract } = session;
  await updateSession(ledger, row.id, { status: "running", stopReason: null });
  row.status = "stopped";
  const whereItStands = () => settled(session, recent);
  let course = await whereItStands();
  const folder = resolve(
    options.workspace ?? note?.workspace ?? join(whetstoneFolder(lab.folder), "workspace"),
  );
  if (course.decided === 0)
    for (const message of session.remarks) session.listener({ type: "notice", message });
  if (options.probe !== false && course.decided === 0) await probe(session);
  const still = options.still ?? ((work) => work());
  // Every use of it is within `still`, and what belongs together is within one: nothing is exchanged in between.
  const copy = await still(() =>
    workspaceOf(session, folder, course.incumbent.files, options.still !== undefined),
  );
  if (options.single && note?.who) rememberIdentity(session.repo, note.who);
  const who = await identity(session.repo);
  if (note?.tag !== row.tag || note.workspace !== folder || note.who !== who)
    await writeTrying(lab.folder, {
      ...{ tag: row.tag, workspace: folder, lab: copy.lab, startedAt: Date.now(), who },
    });

  let ended = "waits for the next `whet try`";
  const account = async (since: number) => {
    row.spentMs += Math.round(performance.now() - since);
    if (!options.single) await updateSession(ledger, row.id, { spentMs: row.spentMs });
  };
  row.spentMs += Math.round(performance.now() - begun);

  // Of the last answer: what was said before it has been passed on.
  let answeredAt = course.decided === 0 ? 0 : await lastDecision(session, course);
  const heedReviews = async () => {
    if ((await reviewCount(ledger.db, row.id)) !== course.reviewed) course = await whereItStands();
  };

  const standing = async (): Promise<Standing> => {
    const tally = await counts(ledger, row.id);
    const { name, direction, unit } = contract.metric;
    const limits = limitsOf(session, {});
    const looks =
      contract.holdout?.looks === undefined || row.holdoutData === null
        ? null
        : Math.max(0, contract.holdout.looks - (await holdoutLooks(ledger, row.holdoutData, 0)));
    const values = session.baseline.map((run) => run.value as number);
    return {
      session: row.tag,
      branch: row.branch,
      metric: { name, direction, ...(unit === undefined ? {} : { unit }) },
      baseline: mean(values),
      sigma: course.noise.deterministic ? null : decision.sigma(course.noise),
      best: { value: course.incumbent.value, experiment: course.incumbent.number },
      experiments: course.decided,
      keeps: tally.keep ?? 0,
      left: {
        experiments: limits.experiments === null ? null : Math.max(0, limits.experiments - course.decided),
        ms: limits.time === null ? null : Math.max(0, limits.time - row.spentMs),
        holdoutLooks: looks,
      },
      limit: await limitOf(),
      words: await heardSince(ledger, row.id, answeredAt, 3),
      workspace: join(copy.folder, copy.lab),
    };
  };

  const limitOf = async (): Promise<string | null> => {
    const now = await sessionByTag(ledger, row.tag);
    if (now?.pausedAt != null) return "a person has paused the session (`whet resume` goes on)";
    const used = await holdoutLimit(session);
    if (used !== null) return used;
    const apart = contract.onDivergence === "stop" ? alarm(session, course) : null;
    return reached(limitsOf(session, {}), course, row.spentMs, session) ?? apart;
  };

  let alarmed: string | null = null;
  const soundAlarm = () => {
    const apart = alarm(session, course);
    if (apart !== null && apart !== alarmed) session.listener({ type: "alarm", message: apart });
    alarmed = apart;
  };

  const tryOnce = async (hypothesis: Hypothesis, at: TryOptions): Promise<Tried> => {
    await refuseChangedYardstick(session);
    await heedReviews();
    const open = await finishOpen(session, course);
    const finished = open === course ? null : await newest(session, open);
    course = open;
    // The workspace still holds the files of that experiment, and nothing else: this is their answer.
    if (finished && (await still(() => putBackAfter(finished))))
      return { kind: "decided", outcome: finished, finished: null, standing: await standing() };
    if ((await limitOf()) !== null) return { kind: "limit", finished, standing: await standing() };
    const taken = await still(() => takeEdit(hypothesis, at));
    switch (taken.kind) {
      case "unchanged":
        return { kind: "unchanged", finished, standing: await standing() };
      case "stale":
        return tryOnce(hypothesis, at);
      case "known": {
        const outcome =
          taken.tag === row.tag && taken.number > 0 ? await outcomeOf(session, taken.number) : null;
        return { kind: "known", tag: taken.tag, outcome, finished, standing: await standing() };
      }
      case "new":
        return decided(taken.proposed, finished);
    }
  };

  /** Harvests and records the edit, and sets aside what was not allowed: as one, while the workspace lies still. */
  const takeEdit = async (hypothesis: Hypothesis, at: TryOptions) => {
    const since = performance.now();
    const found = await harvested(copy, course);
    if (Object.keys(found.changes).length === 0 && found.violations.length === 0)
      return { kind: "unchanged" } as const;
    const recorded = await recordProposal(session, course, {
      researcher: drivingAgent,
      proposal: { hypothesis, changes: found.changes },
      violations: found.violations,
      proposeMs: performance.now() - since,
      ...(at.box ? { box: at.box } : {}),
    });
    // Where nothing could be read there is no edit to be kept; the agent gets its folder back.
    if (recorded.kind === "known" && found.violations.some(({ path }) => path === "."))
      await copy.put(course.incumbent.files);
    if (recorded.kind !== "new") return recorded;
    const { experiment } = recorded.proposed;
    if (at.idea !== undefined) await tookUpIdea(ledger, at.idea, experiment.id);
    await setAside(copy, found.violations, asideFolder(session, experiment.number));
    return recorded;
  };

  const decided = async (proposed: Proposed, finished: Outcome | null): Promise<Tried> => {
    const { experiment } = proposed;
    course = await evaluate(session, course, proposed);
    soundAlarm();
    await still(() => copy.put(course.incumbent.files));
    const closed = await requireExperiment(session, experiment.number);
    const outcome = await outcomeFrom(session, closed);
    const answer: Tried = { kind: "decided", outcome, finished, standing: await standing() };
    answeredAt = closed.decision?.decidedAt ?? answeredAt;
    return answer;
  };

  const putBackAfter = async (finished: Outcome): Promise<boolean> => {
    if (!(await holdsOnly(finished))) return false;
    await copy.put(course.incumbent.files);
    return true;
  };

  const holdsOnly = async ({ number }: Outcome): Promise<boolean> => {
    const { changes, violations } = await copy.harvest();
    const { id } = await requireExperiment(session, number);
    const { after } = await changeOf(ledger, id);
    return violations.length === 0 && JSON.stringify(sorted(changes)) === JSON.stringify(sorted(after));
  };

  /** The incumbent with the change of an experiment; null when that does not fit any more. */
  const withChangeOf = async (number: number) => {
    const experiment = await requireExperiment(session, number);
    const { after, before } = await changeOf(ledger, experiment.id);
    return applyChange(course.incumbent.files, { before, after });
  };

  const during = async <Result>(
    { signal, listener }: Pick<TryOptions, "signal" | "listener">,
    work: () => Promise<Result>,
  ): Promise<Result> => {
    const since = performance.now();
    session.abort = linked(signal);
    session.listener = session.events.with(listener ?? options.listener ?? (() => {}));
    try {
      return await work();
    } catch (error) {
      // What was measured is in the ledger; memory may be behind it.
      course = await whereItStands();
      if (error instanceof decision.IncumbentFails)
        throw new RunFailed(error.message, "the evaluator or the machine has a problem: see `whet failures`");
      throw error;
    } finally {
      await account(since);
    }
  };

  return {
    session,
    copy,
    try: async (hypothesis, at = {}) => {
      const said = checked(hypothesis);
      return during(at, async () => {
        if (at.idea !== undefined) await requireIdea(ledger, at.idea);
        return tryOnce(said, at);
      });
    },
    standing: async () => {
      await heedReviews();
      return standing();
    },
    audit: (pairs, at = {}) =>
      during(at, async () => {
        await refuseChangedYardstick(session);
        await heedReviews();
        course = await finishOpen(session, course);
        session.noise = course.noise;
        if (course.incumbent.number === 0) return false;
        // A headline rests on git and on contents alone: what was laid out may have been changed by whoever drives.
        if (!options.thorough) await session.place.rebuild({ anew: true });
        const before = await auditSession(session, course.incumbent, Math.max(2, pairs));
        if (before !== null)
          session.listener({
            type: "notice",
            message: `these two states were audited before, in ${before} pairs: nothing was measured now`,
          });
        // A session that nobody drives waits for no try.
        const drivers = await driversOf(ledger, row.id);
        if (drivers.free + drivers.boxes.length === 0) ended = "audited";
        return true;
      }),
    reset: async (number) => {
      await heedReviews();
      const { files } = course.incumbent;
      const wanted = number === undefined ? files : await withChangeOf(number);
      const saved = await still(async () => {
        const edits = await saveEdits(session, copy);
        await copy.put(files);
        if (wanted !== null && wanted !== files) await copy.edit(wanted);
        return edits;
      });
      if (wanted === null)
        throw new UserError(
          `the change of experiment ${number} does not fit the incumbent any more`,
          `the workspace is on the incumbent; see \`whet diff ${number}\` and apply what you want of it`,
        );
      return { setAside: saved };
    },
    close: () => closeSession(session, ended, 0),
  };
}

async function lastDecision({ ledger, row }: Session, { history }: Course): Promise<number> {
  const last = await experimentByNumber(ledger, row.id, history.at(-1)?.id ?? 0);
  return last?.decision?.decidedAt ?? 0;
}

async function newest(session: Session, { history }: Course): Promise<Outcome | null> {
  const last = history.at(-1);
  return last ? outcomeOf(session, last.id) : null;
}

async function requireExperiment({ ledger, row }: Session, number: number): Promise<ExperimentRow> {
  const experiment = await experimentByNumber(ledger, row.id, number);
  if (!experiment) throw new UserError(`session ${row.tag} has no experiment ${number}`, "see `whet log`");
  return experiment;
}

async function outcomeOf(session: Session, number: number): Promise<Outcome> {
  return outcomeFrom(session, await requireExperiment(session, number));
}

async function outcomeFrom(session: Session, experiment: ExperimentRow): Promise<Outcome> {
  const { number } = experiment;
  const made = experiment.decision as NonNullable<ExperimentRow["decision"]>;
  const failing = made.kind !== "keep" && made.effect === null;
  const runs = failing ? await evaluationsOf(session.ledger, { experiment: experiment.id }) : [];
  const broken = runs.findLast((run) => run.failureKind !== null && run.purpose !== "holdout");
  const aside = asideFolder(session, number);
  return {
    number,
    what: experiment.what,
    decision: made.kind,
    effect: made.effect,
    interval: made.low === null || made.high === null ? null : [made.low, made.high],
    value: made.value,
    reason: made.reason,
    doubt: made.doubt,
    runs: made.runs,
    wallMs: made.wallMs,
    // The scorer's words may tell what is hidden.
    logTail: (broken?.failureKind !== "scorer" && broken?.logTail) || null,
    violations: (await violationsOf(session.ledger, experiment.id)).map(({ path, detail }) => ({
      path,
      detail,
    })),
    setAside: (await exists(aside)) ? aside : null,
  };
}

function sorted(changes: Record<string, string | null>): [string, string | null][] {
  return Object.entries(changes).sort(([a], [b]) => (a < b ? -1 : 1));
}

const longest = { what: 200, mechanism: 2000, prediction: 1000 };

/** The words of a hypothesis as single lines: the first becomes the subject of a commit. */
function checked(hypothesis: Hypothesis): Hypothesis {
  const said = (part: keyof Hypothesis): string => {
    const text = (hypothesis[part] ?? "")
      .replace(/[\s\p{Cc}]+/gu, " ")
      .trim()
      .toWellFormed();
    if (text.length > longest[part])
      throw new UserError(
        `the ${part === "what" ? "hypothesis" : part} is ${text.length} characters long, and ${longest[part]} are allowed`,
        "say it more briefly",
      );
    return text;
  };
  const [what, mechanism, prediction] = [said("what"), said("mechanism"), said("prediction")];
  if (what === "")
    throw new UserError("a try needs a hypothesis", 'say in one line what you changed: -m "..."');
  return {
    what,
    ...(mechanism === "" ? {} : { mechanism }),
    ...(prediction === "" ? {} : { prediction }),
  };
}

/** A controller of its own for each call: an aborted one is good for nothing more. */
function linked(signal: AbortSignal | undefined): AbortController {
  const controller = new AbortController();
  if (signal?.aborted) controller.abort();
  else signal?.addEventListener("abort", () => controller.abort(), { once: true });
  return controller;
}

async function isThere({ workspace }: TryingNote): Promise<boolean> {
  return exists(workspace);
}
