import { createHash } from "node:crypto";
import { lstat, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { type Contract, evaluatorFile } from "../contract/index.ts";
import { ContractError, RunFailed, UserError } from "../errors.ts";
import {
  changedSince,
  checkoutBase,
  layOutPointed,
  mayChange,
  type Repo,
  type Stamp,
  stamp,
} from "../repo/index.ts";
import { canOverlay, isWalled, type Mount, type Outcome, type Sandbox } from "../sandbox/index.ts";
import { readNote, writeNote } from "../seal.ts";
import { type Environment, readEnvironment } from "./environment.ts";
import { copyTree, exists, removeTree } from "./files.ts";
import { type Input, inputsOf } from "./inputs/mounts.ts";
import { keepCaches, look, type Pinned, pinInput, recallCaches } from "./inputs/pin.ts";
import { nearFile } from "./nearFile.ts";
import { cachesPin, type Pins, pinHash } from "./pins.ts";
import { reasonLine } from "./reason.ts";
import { layOutShim, type Shim } from "./shim.ts";
import { modelPins, stepWay } from "./waysOut.ts";

/** The folders in which states are measured: everything that a session pins, laid out on disk. */
export interface Place extends Pins {
  /** The pinned tree, never changed by a candidate: the scorer's tree. */
  base: string;
  /** The candidate's tree: the base with the state's editable files laid over it. */
  slot: string;
  /** The candidate's tree as it was laid out, to notice what a run did to it (kept current by `restore`). */
  laid: Stamp;
  /** The lab folder within both, "" for the root. */
  lab: string;
  /** Inputs and setup outputs: where they lie and where runs see them. */
  inputs: Mount[];
  /** The shim for an evaluator of another tool, where the contract names one; `WHETSTONE_SHIM` says where it is. */
  shim: Mount[];
  /** What a person should know about the inputs, a sentence each. */
  remarks: string[];
  /** Milliseconds that the setup took; null when there is none or its outputs were kept from before. */
  setupMs: number | null;
  /** Whether a run is given a writable layer over its tree; null where the contract needs none. */
  canLayer: boolean | null;
  /** The variables that the contract grants. */
  environment: Environment;
  /** Lays everything out again, in these same folders, after a run has reached what judges it (level L0). */
  rebuild: (options?: { anew?: boolean }) => Promise<void>;
}

export interface PlaceOptions {
  repo: Repo;
  contract: Contract;
  commit: string;
  /** Hash of program.md. */
  programHash: string;
  /** Working folder, e.g. `.whetstone/work` of the lab. */
  folder: string;
  sandbox: Sandbox;
  /** Take the base that an earlier process laid out, if it is untouched since. Never where a run can reach it. */
  reuse?: boolean;
  /** The pins of the session that goes on: caches that it has not seen from its beginning are hidden. */
  session?: Record<string, string>;
  /** Inputs that this process has pinned before: they are looked at, not read again. */
  pinned?: readonly Pinned[];
  /** Nothing is taken from what earlier processes left: inputs are read whole. For an audit. */
  anew?: boolean;
  onLine?: (line: string) => void;
  signal?: AbortSignal;
}

/**
 * Lays out the pinned base, runs `setup` once per base and command, and prepares the candidate's tree.
 *
 * @throws UserError when an input is missing or the setup fails.
 */
export async function preparePlace(options: PlaceOptions): Promise<Place> {
  const { repo, contract, commit, sandbox } = options;
  const base = join(options.folder, "base");
  const slot = join(options.folder, "slot");
  const memo = join(options.folder, "base.json");
  const lab = repo.labPath;
  const environment = await readEnvironment(contract, join(repo.root, lab));
  const canLayer = await layers(options);
  const of = JSON.stringify([commit, lab, options.programHash, sandbox.isolation.level]);
  const kept = options.reuse && sandbox.isolation.level !== "L0" ? await laidOut(base, memo, of) : null;
  if (!kept) {
    await rm(memo, { force: true });
    await removeTree(base);
  }
  await removeTree(slot);
  const { tree, remarks } = kept ?? (await layOutBase(options, base));
  const declared = await inputsOf(repo, contract, base, kept?.places ?? []);
  const pins: Record<string, string> = { program: options.programHash, base: tree };
  if (environment.pin !== null) pins.environment = environment.pin;
  Object.assign(pins, await modelPins(contract));
  const { container } = sandbox.isolation;
  // Another engine starts containers in another time, so that what is timed would not be comparable.
  if (container)
    pins.image = `${container.number} in ${container.engine}${container.rootless ? ", rootless" : ""}`;
  const pinned: Pinned[] = [];
  const inputs: Mount[] = [];
  const take = async (input: Input) => {
    const own = await pinOne(options, input);
    pinned.push(own);
    pins[own.name] = own.hash;
    inputs.push(...input.places.map((at) => ({ host: input.host, at, writable: false, hidden: own.hidden })));
  };
  for (const input of declared.inputs) await take(input);

  let setupMs: number | null = null;
  if (contract.setup) {
    const key = createHash("sha256")
      .update(JSON.stringify([tree, lab, contract.setup.command, pins]))
      .digest("hex")
      .slice(0, 16);
    const outputs = join(options.folder, "setup", key);
    if (!(await exists(outputs))) {
      const began = performance.now();
      await runSetup({ ...options, environment, base, inputs, places: kept?.places ?? [], kept: outputs });
      setupMs = performance.now() - began;
    }
    for (const at of JSON.parse(await readFile(join(outputs, "outputs.json"), "utf8")) as string[]) {
      const host = join(outputs, "files", at);
      await take({ name: `setup ${at}`, host, places: [at], isExcluded: () => false });
    }
  }

  const shim = contract.score?.evaluator ? await freshShim(options.folder) : null;
  if (shim) pins.shim = shim.hash;
  await requireHidden(contract, (path) => hostPath({ base, lab, inputs }, path));

  const places = inputs.flatMap(({ at }) => (typeof at === "string" ? [at] : []));
  // Other inputs than then: an empty place of one that is gone would be a difference.
  if (kept && JSON.stringify(kept.places) !== JSON.stringify(places))
    return preparePlace({ ...options, reuse: false });
  await placeMounts(base, inputs, sandbox);
  await placeMounts(base, writablePlaces(contract, lab, ""), sandbox);
  await copyTree(base, slot);
  // Nobody writes there, so that folders can be watched too.
  const folders = { folders: true };
  const stamps: Place["stamps"] = [
    { name: "base", folder: base, stamp: await stamp(base, folders), options: folders },
  ];
  if (!kept) await keepLaidOut(memo, { of, tree, remarks, places, stamp: stamps[0]?.stamp ?? {} });
  if (shim)
    stamps.push({
      name: "shim",
      folder: shim.folder,
      stamp: await stamp(shim.folder, folders),
      options: folders,
    });
  const seen = options.session?.[cachesPin];
  if (pinned.length > 0) {
    if (seen !== undefined) await recallCaches(keptFolder(options), pinned, seen);
    pins[cachesPin] = seen ?? (await keepCaches(keptFolder(options), pinned));
  }
  const place: Place = {
    folder: options.folder,
    base,
    slot,
    laid: await stamp(slot),
    lab,
    inputs,
    shim: shim ? [{ host: shim.folder, at: { env: "WHETSTONE_SHIM" }, writable: false }] : [],
    remarks: [...remarks, ...declared.remarks],
    setupMs,
    canLayer,
    environment,
    pins,
    stamps,
    pinned,
    isOpen: sandbox.isolation.level === "L0",
    rebuild: async ({ anew: whole = false } = {}) => {
      // What lies elsewhere is as it was pinned, not as it is now: a run may have touched that as well.
      const elsewhere = place.pinned.filter(({ host }) => !host.startsWith(`${options.folder}/`));
      const anew = {
        ...{ ...options, reuse: false, session: pins, anew: whole },
        pinned: whole ? [] : elsewhere,
      };
      let again = await preparePlace(anew);
      if (pinHash(again.pins) !== pinHash(pins)) {
        await removeTree(join(options.folder, "setup"));
        again = await preparePlace(anew);
      }
      const changed = Object.keys({ ...pins, ...again.pins }).filter(
        (name) => name !== cachesPin && pins[name] !== again.pins[name],
      );
      if (changed.length > 0)
        throw new UserError(
          `what judges has been changed by a run, or by whoever can write there: ${changed.join(", ")}`,
          "put it back, install bubblewrap so that no run can reach it, and begin with `whet run --fresh`",
        );
      const { rebuild: _same, ...rest } = again;
      Object.assign(place, rest);
    },
  };
  return place;
}

async function freshShim(folder: string): Promise<Shim> {
  const at = join(folder, "shim");
  await removeTree(at);
  return layOutShim(at);
}

/** The commit, and what it only points to as far as this clone has it. */
async function layOutBase(
  { repo, contract, commit }: PlaceOptions,
  base: string,
): Promise<{ tree: string; remarks: string[] }> {
  const { tree, pointed } = await checkoutBase(repo, commit, base);
  // What a candidate may change is harvested and committed as it is: content in place of a pointer would be a change.
  const isPinned = (path: string) => !mayChange(contract.change, posix.relative(repo.labPath, path));
  return { tree, remarks: await layOutPointed(repo, base, pointed, isPinned) };
}

/** Hashes of inputs from sessions without isolation, whose runs can write them, are kept apart. */
function keptFolder({ folder, sandbox }: PlaceOptions): string {
  return join(folder, "pins", sandbox.isolation.level);
}

/** An input that this process knows is looked at; any other is pinned. */
async function pinOne(options: PlaceOptions, { name, host, isExcluded }: Input): Promise<Pinned> {
  const known = options.pinned?.find((each) => each.name === name && each.host === host);
  if (known) {
    const { changed } = await look(known, { strict: options.sandbox.isolation.level === "L0" });
    return changed.length === 0 ? known : { ...known, hash: `changed: ${changed.slice(0, 3).join(", ")}` };
  }
  return pinInput({
    ...{ name, host, isExcluded, folder: keptFolder(options) },
    ...(options.anew ? { anew: true } : {}),
    ...(options.onLine ? { onLine: options.onLine } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
  });
}

/** @throws ContractError when the contract cannot do without a layer and none is to be had. */
async function layers({ contract, folder, sandbox }: PlaceOptions): Promise<boolean | null> {
  const wholeTree = contract.tree === "overlay";
  // A layer is mounted before bubblewrap starts, where no engine of containers would see it.
  // At L0 a writable folder is a link that a run can remove, and what it makes there is taken from the tree itself.
  if (!wholeTree && (contract.write.length === 0 || sandbox.isolation.level !== "L2")) return null;
  await mkdir(folder, { recursive: true });
  if (await canOverlay(folder)) return true;
  if (!wholeTree) return false;
  throw new ContractError(
    ["tree"],
    "no writable layer can be laid over the tree here: the kernel or the file system of the lab refuses to mount an overlay",
    "name the folders that the run writes: `write: [build]`",
  );
}

/** A base that was laid out before, for the next process. */
interface LaidOut {
  /** Commit, lab, contract and isolation level. */
  of: string;
  tree: string;
  /** What the commit points to and this clone lacks, a sentence each. */
  remarks: string[];
  /** Where inputs were placed in it. */
  places: string[];
  stamp: Stamp;
}

/** The note on the base, if it is of this commit and nothing in it was touched since: change times cannot be set. */
async function laidOut(base: string, memo: string, of: string): Promise<LaidOut | null> {
  const text = await readNote(memo);
  if (text === null) return null;
  try {
    const note = JSON.parse(text, (key, value: unknown) =>
      stampNumbers.has(key) && typeof value === "string" ? BigInt(value) : value,
    ) as LaidOut;
    if (note.of !== of) return null;
    return (await changedSince(note.stamp, base, { folders: true })).length === 0 ? note : null;
  } catch {
    return null;
  }
}

const stampNumbers = new Set(["size", "mtimeNs", "ctimeNs", "ino"]);

async function keepLaidOut(memo: string, note: LaidOut): Promise<void> {
  const text = JSON.stringify(note, (_, value: unknown) =>
    typeof value === "bigint" ? String(value) : value,
  );
  await writeNote(memo, text);
}

/** Where a path of the lab lies on the host: in the base, or in an input. */
export function hostPath(
  { base, lab, inputs }: Pick<Place, "base" | "lab" | "inputs">,
  path: string,
): string {
  const at = posix.join(lab, path);
  for (const { at: place, host } of inputs)
    if (typeof place === "string" && (at === place || at.startsWith(`${place}/`)))
      return join(host, posix.relative(place, at));
  return join(base, at);
}

/**
 * A private path that hides nothing is a mistake that would not be noticed; an evaluator of another tool hides itself.
 *
 * @throws ContractError
 */
async function requireHidden(contract: Contract, hostOf: (path: string) => string): Promise<void> {
  const { score, holdout } = contract;
  const own = score?.evaluator && evaluatorFile(score.evaluator);
  const named: [path: string[], judge: { private: string[] } | undefined][] = [
    [["score"], score],
    [["holdout"], holdout],
    [["holdout", "sealed"], holdout?.sealed],
  ];
  for (const [at, judge] of named)
    for (const path of judge?.private ?? []) {
      if (at[0] === "score" && path === own && score?.evaluator)
        await requirePresent(
          hostOf,
          path,
          ["score", score.evaluator.kind],
          `the evaluator ${path} is not there`,
        );
      else
        await requirePresent(
          hostOf,
          path,
          [...at, "private", path],
          `the private path ${path} is not there, so it hides nothing`,
        );
    }
}

async function requirePresent(
  hostOf: (path: string) => string,
  path: string,
  at: string[],
  missing: string,
): Promise<void> {
  const info = await lstat(hostOf(path)).catch(() => null);
  if (!info)
    throw new ContractError(
      at,
      missing,
      [
        await nearFile(hostOf(""), path),
        "correct it in program.md, commit the file, or name it under `inputs`",
      ]
        .filter(Boolean)
        .join("\n"),
    );
  if (info.isSymbolicLink())
    throw new ContractError(
      at,
      `the private path ${path} is a link, which cannot be hidden`,
      "name the file or folder that it leads to",
    );
}

/** The writable paths of the contract as mounts from a run's own folder. */
export function writablePlaces(contract: Contract, lab: string, runFolder: string): Mount[] {
  return contract.write.map((path, index) => ({
    host: join(runFolder, `write-${index}`),
    at: posix.join(lab, path),
    writable: true,
  }));
}

interface SetupOptions extends PlaceOptions {
  environment: Environment;
  base: string;
  inputs: Mount[];
  /** Where an earlier process placed inputs and outputs in the base: they are no part of the commit. */
  places: readonly string[];
  /** Where the outputs are kept. */
  kept: string;
}

/** Runs the setup in a scratch copy of the base and keeps the new top-level paths that it leaves in the lab folder. */
async function runSetup({
  repo,
  contract,
  folder,
  environment,
  base,
  inputs,
  places,
  kept,
  sandbox,
  onLine,
  signal,
}: SetupOptions) {
  const setup = contract.setup as NonNullable<Contract["setup"]>;
  const scratch = join(folder, "setup-scratch");
  await removeTree(scratch);
  await copyTree(base, scratch);
  // A base that is used again has the empty places of earlier outputs, which would then count as old.
  for (const place of places) await removeTree(join(scratch, place));
  await placeMounts(scratch, inputs, sandbox);
  const before = new Set(await readdir(join(scratch, repo.labPath)));
  const way = await stepWay(contract, sandbox, setup.network);
  const running = sandbox.start({
    command: setup.command,
    tree: scratch,
    cwd: repo.labPath,
    treeWritable: true,
    mounts: inputs,
    hidden: [],
    env: { ...environment.run, ...way?.env },
    limits: { ...contract.budget, time: setup.time, network: setup.network },
    ...(onLine ? { onLine: (line: string) => onLine(environment.redact(line)) } : {}),
    ...(signal ? { signal } : {}),
    ...(way ? { door: way.door } : {}),
  });
  let outcome: Outcome;
  try {
    outcome = await running.done;
  } finally {
    await way?.close();
  }
  if (outcome.ending !== "ok")
    throw new RunFailed(
      environment.redact(
        `setup failed (${setup.command}): ${reasonLine(environment.redact(outcome.stderr), environment.redact(outcome.stdout)) || outcome.message}`,
      ),
      setup.network
        ? "run it by hand in the lab folder to see why"
        : "if it needs the network, write `setup: {run: ..., network: true}`",
    );
  const outputs = (await readdir(join(scratch, repo.labPath))).filter((entry) => !before.has(entry));
  const staging = `${kept}.new`;
  await removeTree(staging);
  for (const entry of outputs) {
    const at = posix.join(repo.labPath, entry);
    await mkdir(dirname(join(staging, "files", at)), { recursive: true });
    await rename(join(scratch, at), join(staging, "files", at));
  }
  await mkdir(staging, { recursive: true });
  await writeFile(
    join(staging, "outputs.json"),
    JSON.stringify(outputs.map((entry) => posix.join(repo.labPath, entry))),
  );
  await rename(staging, kept);
  await removeTree(scratch);
}

/**
 * Makes the places at which mounts appear: empty ones under bubblewrap, which mounts over them, links otherwise.
 * A run's writable folders get their link per run.
 */
async function placeMounts(tree: string, mounts: readonly Mount[], sandbox: Sandbox): Promise<void> {
  for (const mount of mounts) {
    if (typeof mount.at !== "string") continue;
    const target = join(tree, mount.at);
    if (await exists(target)) continue;
    await mkdir(dirname(target), { recursive: true });
    if (isWalled(sandbox.isolation.level)) {
      const isFile = !mount.writable && !(await lstat(mount.host)).isDirectory();
      if (isFile) await writeFile(target, "");
      else await mkdir(target);
    } else if (!mount.writable) await symlink(mount.host, target);
  }
}
