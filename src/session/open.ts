import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { type Contract, channelOf } from "../contract/index.ts";
import * as decision from "../decision/index.ts";
import { ContractError, Interrupted, UserError } from "../errors.ts";
import {
  dataHash,
  differingPins,
  type Files,
  nearFile,
  openEvaluator,
  type Place,
  pinHash,
  preparePlace,
  requireGpus,
} from "../evaluator/index.ts";
import {
  isAlive,
  type LabFolder,
  ledgerPath,
  makeWhetstoneFolder,
  thisProcess,
  whetstoneFolder,
  withPlace,
} from "../lab/index.ts";
import {
  addSession,
  holdSession,
  type Ledger,
  openLedger,
  type SessionRow,
  sessions,
  storedProgram,
  updateSession,
  wasPutToWork,
} from "../ledger/index.ts";
import type { Listener } from "../notebook/index.ts";
import type { Relays } from "../relay/index.ts";
import {
  baseLimits,
  branchTip,
  contentHash,
  createBranch,
  foldersOf,
  harvest,
  openRepo,
  type Repo,
  worktreeOf,
} from "../repo/index.ts";
import {
  type Isolation,
  openSandbox,
  requireDoors,
  requireProcessors,
  type Sandbox,
  takeSlot,
} from "../sandbox/index.ts";
import { faultOfKey } from "../seal.ts";
import { clearAbandoned } from "./abandoned.ts";
import { measureBaseline } from "./baseline.ts";
import { tellCheckedOut } from "./branch.ts";
import { type EventRows, openEventRows } from "./eventRows.ts";
import { imageFor } from "./image.ts";
import { modelBook } from "./modelBook.ts";
import type { Session } from "./session.ts";

/**
 * @throws UserError when memory is a metric and was counted in another way: by resident sizes in sessions of before.
 */
function requireSameCount(existing: SessionRow, { memory }: Isolation, contract: Contract): void {
  if (![contract.metric, ...contract.guards].some(({ clock }) => clock?.kind === "memory")) return;
  const before = (JSON.parse(existing.isolation) as Partial<Isolation>).memory ?? "resident sizes";
  if (before === (memory ?? "resident sizes")) return;
  throw new UserError(
    `session "${existing.tag}" measured memory by ${before}, and this machine would measure it by ${memory}: the runs would not be comparable`,
    "begin a new one with `whet run --fresh`",
  );
}

export interface SessionOptions {
  /** Session name; absent: the one that can go on, or a new one named after the date. */
  tag?: string;
  /** Begin anew even where a session could go on. */
  fresh?: boolean;
  seed?: number;
  /** Only what exists already; null when there is none. */
  listener?: Listener;
  abort?: AbortController;
  /** Set to ask for an end after the evaluation in flight. */
  stop?: { requested: boolean };
  now?: Date;
  /** Measure at this level although a better one is there (tests, comparisons). */
  level?: "L0";
  /** Begin the next epoch of this session: its keeps are measured again under another yardstick. */
  rescoring?: SessionRow;
  /** Take what an earlier process found out or laid out, where nothing has changed since: for one try after another. */
  swift?: boolean;
  /** Take nothing from earlier processes, not even the hashes of inputs: everything is read. For an audit. */
  thorough?: boolean;
}

/**
 * Opens the session that can go on, or begins one: takes hold of the lab, lays out the pinned base, runs the setup and
 * measures the baseline, each only where the ledger does not have it yet.
 *
 * @throws UserError for everything a user can mend.
 */
export async function openSession(lab: LabFolder, options: SessionOptions = {}): Promise<Session> {
  const listener = options.listener ?? (() => {});
  const abort = options.abort ?? new AbortController();
  const contract = lab.contract;
  const found = openRepo(lab.folder);
  found.catch(() => {});
  // Nothing is written where there is no repository; a lab that has a ledger was in one.
  if (!existsSync(ledgerPath(lab.folder))) await found;
  await makeWhetstoneFolder(lab.folder);
  for (const { budget } of [contract, ...contract.stages]) requireProcessors(budget?.cpus);
  await requireGpus(contract).catch(async (error: unknown) => {
    throw await withPlace(lab, error);
  });
  const ledger = await openLedger(ledgerPath(lab.folder));
  let relays: Relays | null = null;
  let events: EventRows | null = null;
  try {
    const repo = await found;
    const all = await takeLab(ledger);
    const folder = join(whetstoneFolder(lab.folder), "work");
    await clearAbandoned(folder);
    const image = imageFor(contract, folder, options.level);
    const sandbox = await openSandbox({
      require: contract.isolation === "required",
      keepOut: foldersOf(repo),
      ...(options.level ? { level: options.level } : {}),
      ...(image ? { image } : {}),
      ...(options.swift ? { memo: join(whetstoneFolder(lab.folder), "sandbox.json") } : {}),
    });
    const { existing, why } = options.fresh
      ? { existing: null, why: null }
      : resumable(all, lab, repo, options.tag);
    const { level } = sandbox.isolation;
    if (existing && existing.level !== level)
      throw new UserError(
        `session "${existing.tag}" was measured at isolation ${existing.level}, and this would be ${level}: its runs would not be comparable`,
        "begin a new one with `whet run --fresh`",
      );
    if (existing) requireSameCount(existing, sandbox.isolation, contract);
    const commit = existing?.baseCommit ?? repo.head;
    if (existing) await holdSession(ledger, existing.id, thisProcess(), Date.now(), isAlive);
    const looked = existing && !options.swift ? await worktreeOf(repo, existing.branch) : null;
    if (existing && looked !== null) tellCheckedOut({ row: existing, listener }, looked);

    listener({ type: "phase", phase: "setup", number: null, what: contract.setup?.command ?? "" });
    // A setup is work as well: never beside somebody's timed run.
    const slot = await takeSlot("shared", {
      onWait: () =>
        listener({ type: "waiting", message: "waiting for another timed run on this machine to end" }),
      signal: abort.signal,
    });
    if (slot === null) throw new Interrupted();
    const place = await preparePlace({
      repo,
      contract,
      commit,
      programHash: lab.program.hash,
      folder,
      sandbox,
      ...(options.swift ? { reuse: true } : {}),
      ...(options.thorough ? { anew: true } : {}),
      ...(existing ? { session: JSON.parse(existing.pinParts) as Record<string, string> } : {}),
      onLine: (line) => listener({ type: "setup", line }),
      signal: abort.signal,
    }).finally(() => slot.release());
    if (existing) requireSameLayer(existing, place);
    const { message: keyFault, fix } = faultOfKey() ?? {};
    for (const message of [...place.remarks, ...(keyFault ? [`${keyFault}; ${fix}`] : [])])
      listener({ type: "notice", message });
    const editable = await harvest(join(place.base, place.lab), contract.change, baseLimits);
    const baseFiles: Files = {};
    for (const [path, content] of Object.entries(editable.files)) baseFiles[path] = content.toString();
    if (Object.keys(baseFiles).length === 0) throw await nothingToChange(contract, lab, place);
    const pins = pinHash(place.pins);
    if (!existing && options.rescoring?.pins === pins)
      throw new UserError(
        `the yardstick is the same as in session "${options.rescoring.tag}": nothing to measure again`,
        "change program.md or the scorer (and commit it) first, or go on with `whet run`",
      );
    if (existing && existing.pins !== pins) {
      const before = JSON.parse(existing.pinParts) as Record<string, string>;
      const changed = differingPins(before, place);
      throw new UserError(
        `what judges session "${existing.tag}" has changed since it began: ${changed.join("; ")}`,
        "put it back to go on with that session, or begin a new one: `whet run --fresh` for Whetstone's own loop, `whet start --fresh` for an agent that calls `whet try`",
      );
    }
    // Only now: what the contract names is there.
    if (why !== null) listener({ type: "notice", message: why });
    const row =
      existing ??
      (await beginSession({ lab, repo, ledger, sandbox, place, pins, baseFiles, contract, options, commit }));
    if (!existing) await holdSession(ledger, row.id, thisProcess(), Date.now(), isAlive);

    // The rule that a session began with, whatever later versions begin with.
    const { preset, parameters } = existing
      ? storedProgram(existing.program).contract.decision
      : contract.decision;
    const rule = decision.rule(preset, parameters);
    relays = await relaysOf(contract, sandbox, ledger, row.id);
    events = openEventRows(ledger, row.id);
    const session: Session = {
      lab,
      contract,
      row,
      repo,
      ledger,
      sandbox,
      place,
      evaluator: openEvaluator(contract, place, baseFiles, sandbox, row.secret, relays),
      relays,
      rule,
      baseFiles,
      baseline: [],
      rungs: [],
      fixed: editable.violations,
      remarks: [],
      holdout: null,
      noise: undefined as unknown as decision.Noise,
      resumed: existing !== null,
      listener: events.with(listener),
      events,
      abort,
      stop: options.stop ?? { requested: false },
      // What was pinned has just been looked through.
      pinsCheckedAt: performance.now(),
    };
    await measureBaseline(session);
    return session;
  } catch (error) {
    relays?.close();
    await events?.close();
    await release(ledger);
    await ledger.close();
    throw await withPlace(lab, error);
  }
}

/** No committed file is one that may change. */
async function nothingToChange(
  { change }: Contract,
  { folder, programFile }: LabFolder,
  place: Place,
): Promise<ContractError> {
  const near = await nearFile(join(place.base, place.lab), change[0] as string);
  return new ContractError(
    ["change"],
    `no committed file matches \`change: ${change.join(", ")}\` in ${folder}`,
    change.some((glob) => /,\s/.test(glob))
      ? `several files are a list: change: [${change.flatMap((glob) => glob.split(/,\s*/)).join(", ")}]`
      : [near, `commit the file that may change, or correct the pattern in ${basename(programFile)}`]
          .filter(Boolean)
          .join("\n"),
  );
}

async function beginSession(from: {
  lab: LabFolder;
  repo: Repo;
  ledger: Ledger;
  sandbox: Sandbox;
  place: Place;
  pins: string;
  baseFiles: Files;
  contract: Contract;
  options: SessionOptions;
  commit: string;
}): Promise<SessionRow> {
  const { lab, repo, ledger, sandbox, place, options } = from;
  const now = options.now ?? new Date();
  const wanted = options.tag ?? defaultTag(now);
  if (!/^[A-Za-z0-9][\w-]*(\.[\w-]+)*$/.test(wanted) || /\.lock$/.test(wanted) || wanted.length > 100)
    throw new UserError(
      `"${wanted}" cannot be the name of a session: it becomes a branch`,
      "take letters, digits, - and _, such as --tag night-1",
    );
  const taken = new Set((await sessions(ledger)).map((session) => session.tag));
  let tag = wanted;
  for (let count = 2; taken.has(tag) || (await branchTip(repo, `whetstone/${tag}`)) !== null; count++) {
    if (options.tag)
      throw new UserError(
        `the name "${wanted}" is taken by an earlier session or branch`,
        "choose another --tag",
      );
    tag = `${wanted}-${count}`;
  }
  const fresh: Omit<SessionRow, "id" | "spentMs"> = {
    holdoutData: from.contract.holdout ? await dataHash(from.contract.holdout, place) : null,
    epoch: (options.rescoring?.epoch ?? 0) + 1,
    rescoredFrom: options.rescoring?.id ?? null,
    pausedAt: null,
    tag,
    branch: `whetstone/${tag}`,
    program: JSON.stringify(lab.program),
    programHash: lab.program.hash,
    baseCommit: from.commit,
    baseTree: place.pins.base ?? "",
    baseState: contentHash(from.baseFiles),
    pins: from.pins,
    pinParts: JSON.stringify(place.pins),
    researcher: from.contract.researchers.map(({ name }) => name).join(", "),
    seed: options.seed ?? randomBytes(4).readUInt32BE(0),
    secret: randomBytes(32).toString("hex"),
    channel: channelOf(from.contract),
    level: sandbox.isolation.level,
    isolation: JSON.stringify({
      ...sandbox.isolation,
      ...(place.canLayer === null ? {} : { layer: place.canLayer }),
    }),
    status: "baseline",
    stopReason: null,
    holder: null,
    createdAt: now.getTime(),
    startedAt: null,
    endedAt: null,
  };
  const id = await addSession(ledger, fresh);
  // The branch claims the name: another lab of this repository would take the same one otherwise.
  await createBranch(repo, fresh.branch, from.commit);
  return { ...fresh, id, spentMs: 0 };
}

/** `nov21` */
function defaultTag(now: Date): string {
  return `${now.toLocaleString("en-US", { month: "short" }).toLowerCase()}${String(now.getDate()).padStart(2, "0")}`;
}

/** The session to go on with, or null for a new one and, where there were others, why none of them goes on. */
interface Beginning {
  existing: SessionRow | null;
  why: string | null;
}

/** Without a name: the newest session of this very contract on this very commit. */
function resumable(
  all: readonly SessionRow[],
  lab: LabFolder,
  repo: Repo,
  tag: string | undefined,
): Beginning {
  if (tag !== undefined) {
    const named = all.find((session) => session.tag === tag);
    if (named && named.programHash !== lab.program.hash) throw changedProgram(named, lab);
    return { existing: named ?? null, why: null };
  }
  const latest = all.find(wasPutToWork) ?? all[0];
  if (!latest) return { existing: null, why: null };
  const sameContract = all.filter((row) => row.programHash === lab.program.hash);
  const existing = sameContract.find((row) => row.baseCommit === repo.head) ?? null;
  if (existing) return { existing, why: null };
  const [moved] = sameContract;
  const name = basename(lab.programFile);
  return {
    existing,
    why: moved
      ? `HEAD has moved since session "${moved.tag}": beginning a new session on it (--tag ${moved.tag} goes on with the old one)`
      : `${name} has changed since session "${latest.tag}": beginning a new session (\`whet rescore\` measures the earlier keeps under it; once ${name} is put back, --tag ${latest.tag} goes on with the old one)`,
  };
}

function changedProgram(session: SessionRow, { programFile }: LabFolder): UserError {
  const name = basename(programFile);
  return new UserError(
    `${name} has changed since session "${session.tag}" began, or another contract was meant; its numbers would not be comparable`,
    `put ${name} back as it was and --tag ${session.tag} goes on with it, or begin a new session: \`whet run --fresh\` for Whetstone's own loop, \`whet start --fresh\` for an agent that calls \`whet try\`; \`whet rescore\` measures the earlier keeps under the new contract`,
  );
}

/**
 * Before anything is laid out: two processes in one working folder would measure each other's files.
 *
 * @returns the lab's sessions, newest first.
 */
async function takeLab(ledger: Ledger): Promise<SessionRow[]> {
  const taken = !ledger.hold();
  const all = await sessions(ledger);
  for (const session of all)
    if (session.holder !== null && session.holder !== thisProcess() && isAlive(session.holder))
      throw new UserError(
        `session "${session.tag}" is already running in this lab (process ${session.holder.split(":")[0]})`,
        "watch it with `whet status`, or stop it there with Ctrl-C first",
      );
  if (taken)
    throw new UserError(
      "another process is already running in this lab",
      "watch it with `whet status`, or stop it there with Ctrl-C first",
    );
  return all;
}

async function release(ledger: Ledger): Promise<void> {
  for (const session of await sessions(ledger).catch(() => []))
    if (session.holder === thisProcess()) await updateSession(ledger, session.id, { holder: null });
}

/** Opens the ways to models and hosts that the contract grants; null where it grants none. */
async function relaysOf(
  contract: Contract,
  sandbox: Sandbox,
  ledger: Ledger,
  sessionId: number,
): Promise<Relays | null> {
  const { budget, stages, checks, score, models } = contract;
  const lists = [budget, ...stages.map((stage) => stage.budget), ...checks, score];
  if (models.length === 0 && !lists.some((each) => Array.isArray(each?.network))) return null;
  await requireDoors(sandbox);
  const { level } = sandbox.isolation;
  // Loaded only then: most labs grant neither.
  const { openRelays } = await import("../relay/index.ts");
  return openRelays({ contract, level, book: modelBook(ledger, sessionId), env: process.env });
}

/** @throws UserError when the session's runs had a layer over their tree, or had none, and this one's would not. */
export function requireSameLayer(existing: SessionRow, { canLayer }: Place): void {
  const { layer } = JSON.parse(existing.isolation) as Partial<Isolation>;
  if (layer === undefined || canLayer === null || layer === canLayer) return;
  throw new UserError(
    layer
      ? `the runs of session "${existing.tag}" had a writable layer over their tree, which cannot be mounted here any more: a run that removes a folder named in \`write\` would fail now`
      : `the runs of session "${existing.tag}" had no writable layer over their tree, and these would have one: they would not be comparable`,
    layer
      ? "go on where it can be mounted, or begin a new one with `whet run --fresh`"
      : "begin a new one with `whet run --fresh`",
  );
}
