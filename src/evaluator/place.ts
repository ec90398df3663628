import { createHash, randomUUID } from "node:crypto";
import { constants, cpSync } from "node:fs";
import {
  chmod,
  cp,
  lstat,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  rmdir,
  symlink,
  unlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join, posix, relative } from "node:path";
import type { Contract } from "../contract/index.ts";
import { RunFailed, UserError } from "../errors.ts";
import {
  changedSince,
  checkoutBase,
  manifest,
  manifestHash,
  type Repo,
  type Stamp,
  type StampOptions,
  stamp,
} from "../repo/index.ts";
import type { Mount, Sandbox } from "../sandbox/index.ts";
import { type Environment, readEnvironment } from "./environment.ts";
import { reasonLine } from "./reason.ts";
import { layOutShim, type Shim } from "./shim.ts";

/** The folders in which states are measured: everything that a session pins, laid out on disk. */
export interface Place {
  /** Folder of everything below; safe to delete while no session runs. */
  folder: string;
  /** The pinned tree, never changed by a candidate: the scorer's tree. */
  base: string;
  /** The candidate's tree: the base with the state's editable files laid over it. */
  slot: string;
  /** The candidate's tree as it was laid out, to notice what a run did to it (kept current by `restore`). */
  laid: Stamp;
  /** The lab folder within both, "" for the root. */
  lab: string;
  /** Untracked inputs and setup outputs: host path and place in the tree. */
  inputs: Mount[];
  /** The shim for an evaluator of another tool, where the contract names one; `WHETSTONE_SHIM` says where it is. */
  shim: Mount[];
  /** Milliseconds that the setup took; null when there is none or its outputs were kept from before. */
  setupMs: number | null;
  /** The variables that the contract grants. */
  environment: Environment;
  /** What was pinned, by name: hashes. */
  pins: Record<string, string>;
  stamps: { name: string; folder: string; stamp: Stamp; options?: StampOptions }[];
  /** Lays everything out again, in these same folders, after a run has reached what judges it (level L0). */
  rebuild: () => Promise<void>;
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
  const of = JSON.stringify([commit, lab, options.programHash, sandbox.isolation.level]);
  const kept = options.reuse && sandbox.isolation.level !== "L0" ? await laidOut(base, memo, of) : null;
  if (!kept) {
    await rm(memo, { force: true });
    await removeTree(base);
  }
  await removeTree(slot);
  const { tree } = kept ?? (await checkoutBase(repo, commit, base));
  const inputs = await declaredInputs(repo, contract, base, kept?.places ?? []);
  const pins: Record<string, string> = { program: options.programHash, base: tree };
  if (environment.pin !== null) pins.environment = environment.pin;
  const taken = new Map<string, Stamp>();
  const fingerprinted = async (host: string) => {
    const { hash, quick } = await fingerprint(host);
    taken.set(host, quick);
    return hash;
  };
  for (const input of inputs) pins[`input ${input.at as string}`] = await fingerprinted(input.host);

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
      inputs.push({ host, at, writable: false });
      pins[`setup ${at}`] = await fingerprinted(host);
    }
  }

  const shim = contract.score?.evaluator ? await freshShim(options.folder) : null;
  if (shim) pins.shim = shim.hash;
  const { score, holdout } = contract;
  for (const path of [score, holdout, holdout?.sealed].flatMap((judge) => judge?.private ?? []))
    await requirePrivate(hostPath({ base, lab, inputs }, path), path);

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
  if (!kept) await keepLaidOut(memo, { of, tree, places, stamp: stamps[0]?.stamp ?? {} });
  for (const input of inputs)
    stamps.push({ name: input.at as string, folder: input.host, stamp: taken.get(input.host) ?? {} });
  if (shim)
    stamps.push({
      name: "shim",
      folder: shim.folder,
      stamp: await stamp(shim.folder, folders),
      options: folders,
    });
  const place: Place = {
    folder: options.folder,
    base,
    slot,
    laid: await stamp(slot),
    lab,
    inputs,
    shim: shim ? [{ host: shim.folder, at: { env: "WHETSTONE_SHIM" }, writable: false }] : [],
    setupMs,
    environment,
    pins,
    stamps,
    rebuild: async () => {
      let again = await preparePlace({ ...options, reuse: false });
      if (pinHash(again.pins) !== pinHash(pins)) {
        await removeTree(join(options.folder, "setup"));
        again = await preparePlace({ ...options, reuse: false });
      }
      const changed = Object.keys({ ...pins, ...again.pins }).filter(
        (name) => pins[name] !== again.pins[name],
      );
      if (changed.length > 0)
        throw new UserError(
          `a run has changed what judges it: ${changed.join(", ")}`,
          "put it back, install bubblewrap so that no run can reach it, and begin with `whet run --fresh`",
        );
      const { rebuild: _same, stamps: fresh, ...rest } = again;
      // What lies elsewhere is as it was pinned, not as it is now: a run may have touched that as well.
      const pinned = new Map(place.stamps.map((each) => [each.name, each]));
      const elsewhere = (each: Place["stamps"][number]) => !each.folder.startsWith(`${options.folder}/`);
      Object.assign(place, {
        ...rest,
        stamps: fresh.map((each) => (elsewhere(each) ? (pinned.get(each.name) ?? each) : each)),
      });
    },
  };
  return place;
}

async function freshShim(folder: string): Promise<Shim> {
  const at = join(folder, "shim");
  await removeTree(at);
  return layOutShim(at);
}

/** A base that was laid out before, for the next process. */
interface LaidOut {
  /** Commit, lab, contract and isolation level. */
  of: string;
  tree: string;
  /** Where inputs were placed in it. */
  places: string[];
  stamp: Stamp;
}

/** The note on the base, if it is of this commit and nothing in it was touched since: change times cannot be set. */
async function laidOut(base: string, memo: string, of: string): Promise<LaidOut | null> {
  const text = await readFile(memo, "utf8").catch(() => null);
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
  await writeFile(`${memo}.new`, text);
  await rename(`${memo}.new`, memo);
}

/** Where a path of the lab lies on the host: in the base, or in an input. */
export function hostPath(
  { base, lab, inputs }: Pick<Place, "base" | "lab" | "inputs">,
  path: string,
): string {
  const at = posix.join(lab, path);
  const input = inputs.find((mount) => at === mount.at || at.startsWith(`${mount.at as string}/`));
  return input ? join(input.host, posix.relative(input.at as string, at)) : join(base, at);
}

/** A path that hides nothing is a mistake that would not be noticed. */
async function requirePrivate(host: string, path: string): Promise<void> {
  const info = await lstat(host).catch(() => null);
  if (!info)
    throw new UserError(
      `the private path ${path} is not there, so it hides nothing`,
      "correct it in program.md, commit the file, or name it under `inputs`",
    );
  if (info.isSymbolicLink())
    throw new UserError(
      `the private path ${path} is a link, which cannot be hidden`,
      "name the file or folder that it leads to",
    );
}

/**
 * What a run without isolation may have touched within its reach: the pinned base and the setup's outputs. Inputs such
 * as node_modules are too large to look through after every run; `changedPins` does that before a win counts.
 */
export async function touchedPins(place: Place): Promise<string[]> {
  const near = place.stamps.filter(({ folder }) => folder.startsWith(`${place.folder}/`));
  return changedPins({ ...place, stamps: near });
}

/** Names of what judges that changed on disk since it was pinned; empty when all is as it was. */
export async function changedPins(place: Place): Promise<string[]> {
  const changed: string[] = [];
  for (const { name, folder, stamp: before, options } of place.stamps) {
    const paths = (await changedSince(before, folder, options)).map((path) => path || ".");
    if (paths.length > 0) changed.push(name === "base" ? `base: ${paths.slice(0, 3).join(", ")}` : name);
  }
  return changed;
}

/** One hash over all pins. */
export function pinHash(pins: Record<string, string>): string {
  return createHash("sha256")
    .update(JSON.stringify(Object.entries(pins).sort(([a], [b]) => (a < b ? -1 : 1))))
    .digest("hex");
}

/** The writable paths of the contract as mounts from a run's own folder. */
export function writablePlaces(contract: Contract, lab: string, runFolder: string): Mount[] {
  return contract.write.map((path, index) => ({
    host: join(runFolder, `write-${index}`),
    at: posix.join(lab, path),
    writable: true,
  }));
}

/**
 * `inputs` of the contract and every untracked `node_modules` from the lab up to the repository's root.
 *
 * @param places paths in the base at which an earlier process placed inputs: they are no part of the commit.
 */
async function declaredInputs(
  repo: Repo,
  contract: Contract,
  base: string,
  places: readonly string[],
): Promise<Mount[]> {
  const mounts = new Map<string, Mount>();
  const committed = async (at: string) => !places.includes(at) && (await exists(join(base, at)));
  for (const input of contract.inputs) {
    const at = posix.join(repo.labPath, input);
    const host = join(repo.root, at);
    if (at.startsWith("..")) throw new UserError(`the input ${input} lies outside the repository`);
    if (!(await exists(host)))
      throw new UserError(
        `the input ${input} does not exist`,
        "create it, or take it out of `inputs` in program.md",
      );
    if (await committed(at)) continue;
    mounts.set(at, { host: await realpath(host), at, writable: false });
  }
  for (let folder = repo.labPath; ; folder = posix.dirname(folder)) {
    const at = posix.join(folder === "." ? "" : folder, "node_modules");
    if (!mounts.has(at) && (await exists(join(repo.root, at))) && !(await committed(at)))
      mounts.set(at, { host: await realpath(join(repo.root, at)), at, writable: false });
    if (folder === "" || folder === ".") break;
  }
  return [...mounts.values()];
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
  const outcome = await sandbox.start({
    command: setup.command,
    tree: scratch,
    cwd: repo.labPath,
    treeWritable: true,
    mounts: inputs,
    hidden: [],
    env: environment.run,
    limits: { ...contract.budget, time: setup.time, network: setup.network },
    ...(onLine ? { onLine: (line: string) => onLine(environment.redact(line)) } : {}),
    ...(signal ? { signal } : {}),
  }).done;
  if (outcome.ending !== "ok")
    throw new RunFailed(
      environment.redact(
        `setup failed (${setup.command}): ${reasonLine(outcome.stderr, outcome.stdout) || outcome.message}`,
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
    if (sandbox.isolation.level === "L2") {
      const isFile = !mount.writable && !(await lstat(mount.host)).isDirectory();
      if (isFile) await writeFile(target, "");
      else await mkdir(target);
    } else if (!mount.writable) await symlink(mount.host, target);
  }
}

/** Content hash of small inputs; of large ones (over 64 MiB or 2,000 files) path, size and time of each file. */
async function fingerprint(path: string): Promise<{ hash: string; quick: Stamp }> {
  const info = await lstat(path);
  // Taken before anything is read: what changes meanwhile is noticed later.
  const quick = await stamp(path);
  if (!info.isDirectory())
    return {
      hash: createHash("sha256")
        .update(await readFile(path))
        .digest("hex"),
      quick,
    };
  const entries = Object.entries(quick).sort(([a], [b]) => (a < b ? -1 : 1));
  const size = entries.reduce((sum, [, entry]) => sum + Number(entry.size), 0);
  if (entries.length > 2_000 || size > 64 * 2 ** 20)
    return {
      hash: createHash("sha256")
        .update(
          JSON.stringify(entries.map(([name, entry]) => [name, String(entry.size), String(entry.mtimeNs)])),
        )
        .digest("hex"),
      quick,
    };
  return { hash: manifestHash(await manifest(path)), quick };
}

/** @param wanted whether a path relative to `from` is copied, with all below it; absent: everything. */
export async function copyTree(from: string, to: string, wanted?: (path: string) => boolean): Promise<void> {
  const options = {
    recursive: true,
    verbatimSymlinks: true,
    preserveTimestamps: false,
    mode: constants.COPYFILE_FICLONE,
  };
  // The whole tree in one call is several times faster than file by file, and nothing runs meanwhile.
  if (!wanted) return cpSync(from, to, options);
  await cp(from, to, { ...options, filter: (path) => wanted(relative(from, path)) });
}

/** Removes a folder whatever a run has put there: paths too long to be opened, folders locked against their owner. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    await flatten(path);
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  }
}

/**
 * Empties a folder level by level, its grandchildren moved up, so that no path grows beyond two names. What is gone by
 * then is right: the removal that has just failed may still be at work elsewhere in it.
 */
async function flatten(folder: string): Promise<void> {
  const below = (parent: Buffer, name: Buffer | string) =>
    Buffer.concat([parent, Buffer.from("/"), Buffer.from(name)]);
  const isFolder = async (path: Buffer) => (await gone(lstat(path)))?.isDirectory() ?? false;
  const root = Buffer.from(folder);
  for (let names = await readdir(root, { encoding: "buffer" }); names.length > 0; ) {
    for (const name of names) {
      const path = below(root, name);
      if (!(await isFolder(path))) {
        await gone(unlink(path));
        continue;
      }
      await gone(chmod(path, 0o700));
      for (const inner of (await gone(readdir(path, { encoding: "buffer" }))) ?? []) {
        const child = below(path, inner);
        if (await isFolder(child)) await gone(chmod(child, 0o700));
        await gone(rename(child, below(root, randomUUID())));
      }
      await gone(rmdir(path));
    }
    names = (await gone(readdir(root, { encoding: "buffer" }))) ?? [];
  }
}

/** The result, or null where there is nothing at that path any more. */
async function gone<Result>(work: Promise<Result>): Promise<Result | null> {
  return work.catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
}

export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Bytes of a file, or of all files below a folder and of their names (which can hold data too); null where there is
 * nothing, or something that is neither a file nor a folder: a link weighs nothing and may lead anywhere. A file with
 * holes weighs its whole length. What else files can carry is not weighed, and taken away before (`makePlain`).
 */
export async function sizeOf(path: string): Promise<number | null> {
  const info = await lstat(path).catch(() => null);
  if (!info) return null;
  if (!info.isDirectory()) return info.isFile() ? info.size : null;
  let total = 0;
  for (const entry of await readdir(path)) {
    const size = await sizeOf(join(path, entry));
    if (size === null) return null;
    total += size + Buffer.byteLength(entry);
  }
  return total;
}

/**
 * The first entry below a folder that is neither a plain file of one name nor a folder, or that cannot be looked at;
 * relative to the folder, null when all are in order. A file with its owner's or group's rights is not plain.
 */
export async function firstOddity(folder: string, prefix = ""): Promise<string | null> {
  const entries = await readdir(join(folder, prefix)).catch(() => null);
  if (entries === null) return prefix;
  for (const entry of entries) {
    const path = posix.join(prefix, entry);
    const info = await lstat(join(folder, path)).catch(() => null);
    if (info?.isDirectory()) {
      const below = await firstOddity(folder, path);
      if (below !== null) return below;
    } else if (!info?.isFile() || info.nlink !== 1 || (info.mode & 0o6000) !== 0) return path;
  }
  return null;
}
