import { createHash } from "node:crypto";
import { lstat, mkdir, readdir, readlink, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, posix, relative } from "node:path";
import type { Contract } from "../contract/index.ts";
import { copyTree, emptyTree, type Files, type Place, pinHash, removeTree } from "../evaluator/index.ts";
import { markWorkspace } from "../lab/index.ts";
import {
  changedSince,
  harvestChanges,
  ignoredPaths,
  inFolder,
  isCache,
  type Manifest,
  manifest,
  overlay,
  type Repo,
  restore,
  type Stamp,
  stamp,
  type Violation,
  wayFault,
} from "../repo/index.ts";
import type { WorkingCopy } from "../researcher/index.ts";
import { readNote, writeNote } from "../seal.ts";

/** What a working copy is made from. */
export interface CopySource {
  contract: Contract;
  place: Place;
  /** The editable files of the untouched base. */
  baseFiles: Files;
  /** The repository whose ignore rules tell leftovers of a build from work; absent: nothing is ignored. */
  repo?: Repo;
}

/** A working copy that stays: it is brought from state to state. */
export interface Copy extends WorkingCopy {
  /** The editable files that it was last put on: what `harvest` compares with. */
  readonly files: Files;
  /** Brings it to a state; whatever else was changed, created or deleted in it is put back. */
  put(files: Files): Promise<void>;
  /** Writes the editable files of another state over it, as if a researcher had: `harvest` finds them changed. */
  edit(files: Files): Promise<void>;
}

/** What is known of a copy between two processes; beside its folder as `<folder>.json`. */
interface Memo {
  key: string;
  manifest: Manifest;
  laid: Stamp;
  files: Files;
}

/**
 * Lays out a folder for a researcher: the pinned base with a state's editable files, without what only scorers may
 * see, inputs as links. It has a repository of its own without a commit, so that no git command given in it reaches
 * the user's; git is never run there by us, and nothing in it is ever executed by us.
 *
 * Somebody else writes in it. So whatever is read, written or removed in there goes through the gate (`repo/gate.ts`):
 * no link that they put there is followed, wherever in the folder it lies.
 *
 * The untouched base is its first state. What lies at `folder` is removed before.
 *
 * @param owner the contract file that commands given in the folder are meant for; absent: none are given there.
 */
export async function openWorkingCopy(source: CopySource, folder: string, owner?: string): Promise<Copy> {
  await removeTree(folder);
  const copy = handle(source, folder, await layOut(source, folder, owner), owner);
  await copy.put(source.baseFiles);
  return copy;
}

/**
 * Lays everything out. Where there is a folder already, its content is replaced and the folder stays: an agent may be at
 * work in it, which would go on in the removed one. Its `.git`, which no process of a box can change, stays with it.
 */
async function layOut(source: CopySource, folder: string, owner: string | undefined): Promise<Memo> {
  const { place } = source;
  await rm(`${folder}.json`, { force: true });
  if (!(await isFolder(folder))) await removeTree(folder);
  await mkdir(folder, { recursive: true });
  await emptyTree(folder, foldersTo(place.lab), ".git");
  const hidden = new Set([...hiddenPlaces(source), ...ignoredPlaces(source)]);
  await copyTree(place.base, folder, (path) => !hidden.has(path));
  if (!(await isFolder(join(folder, ".git")))) {
    await ownRepository(folder, ignoredPlaces(source));
    if (owner !== undefined) await markWorkspace(folder, owner);
  }
  await linkInputs(source, folder);
  const ignore = [".git", ...ignoredPlaces(source)];
  return {
    key: keyOf(source),
    manifest: await manifest(folder, ignore),
    laid: await stamp(folder, { ignore }),
    files: source.baseFiles,
  };
}

async function isFolder(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null))?.isDirectory() ?? false;
}

/** A folder of the tree with all folders above it, outermost first; none for the tree itself. */
function foldersTo(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "");
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

/** The copy that an earlier process laid out here, as it was left; null when there is none of these pins. */
export async function reopenWorkingCopy(
  source: CopySource,
  folder: string,
  owner?: string,
): Promise<Copy | null> {
  const text = await readNote(`${folder}.json`);
  if (text === null || !(await isFolder(folder))) return null;
  let memo: Memo;
  try {
    memo = JSON.parse(text, revive) as Memo;
  } catch {
    return null;
  }
  return memo.key === keyOf(source) ? handle(source, folder, memo, owner) : null;
}

function handle(source: CopySource, folder: string, memo: Memo, owner: string | undefined): Copy {
  const { contract, place, baseFiles } = source;
  const { lab } = place;
  const ignore = [".git", ...ignoredPlaces(source)];
  const within = lab === "" ? "" : `${lab}/`;
  /** What the last harvest passed over, seen from the tree: an agent's build need not begin anew with each try. */
  let leftovers: string[] = [];
  const ignoredFrom = (from: string) => (paths: readonly string[]) =>
    source.repo ? ignoredPaths(source.repo, from, paths) : Promise.resolve(new Set<string>());
  return {
    folder,
    lab,
    linked: shownInputs(source),
    get files() {
      return memo.files;
    },
    put: async (files) => {
      const inOrder = () =>
        restore(folder, place.base, memo.laid, {
          lab,
          editable: files,
          absent: Object.keys(baseFiles).filter((path) => !Object.hasOwn(files, path)),
          ignore,
          keep: new Set(leftovers.filter((path) => !Object.hasOwn(files, posix.relative(lab, path)))),
        });
      // A folder that is gone, leads elsewhere, or holds names that nobody can name, is laid out anew.
      await inOrder().catch(async () => {
        Object.assign(memo, await layOut(source, folder, owner));
        await inOrder();
      });
      await linkInputs(source, folder);
      memo.files = files;
      await writeNote(`${folder}.json`, JSON.stringify(memo, replace));
    },
    edit: (files) => overlay(folder, lab, memo.files, files, place.base),
    harvest: async () => {
      const barred = await barredWay(folder, lab, owner === undefined ? "working copy" : "workspace");
      if (barred !== null) {
        leftovers = [];
        return { changes: {}, violations: [barred] };
      }
      const inLab: Manifest = {};
      const fixed = new Set<string>();
      const outside: Manifest = {};
      for (const [path, entry] of Object.entries(memo.manifest)) {
        if (!path.startsWith(within)) outside[path] = entry;
        else if (!Object.hasOwn(baseFiles, path.slice(within.length))) {
          inLab[path.slice(within.length)] = entry;
          fixed.add(path.slice(within.length));
        }
      }
      for (const [path, text] of Object.entries(memo.files))
        inLab[path] = entryOf(text, memo.manifest[within + path]);
      const changed = await changedSince(memo.laid, folder, { ignore }).catch(() => null);
      const touched = new Set(changed);
      // Where not everything can be looked at, everything is read.
      const untouched = (paths: Manifest, prefix: string) =>
        new Set(changed === null ? [] : Object.keys(paths).filter((path) => !touched.has(prefix + path)));
      const under = ignore.flatMap((path) => (path.startsWith(within) ? [path.slice(within.length)] : []));
      const own = await harvestChanges(join(folder, lab), inLab, contract.change, undefined, {
        ignore: under,
        untouched: untouched(inLab, within),
        fixed,
        ignored: ignoredFrom(lab),
      });
      leftovers = own.passedOver.filter(mayStay).map((path) => within + path);
      // Named as seen from the lab, like every other path.
      const seen = (each: Violation) => ({ ...each, path: posix.relative(lab, each.path) || "." });
      const exchanged = (await exchangedInputs(source, folder)).map(seen);
      if (lab === "") return { changes: own.changes, violations: withBetter(own.violations, exchanged) };
      const rest = await harvestChanges(folder, outside, [], undefined, {
        ignore: [...ignore, lab],
        untouched: untouched(outside, ""),
        ignored: ignoredFrom(""),
      });
      leftovers.push(...rest.passedOver.filter(mayStay));
      const all = [...own.violations, ...rest.violations.map(seen)];
      return { changes: own.changes, violations: withBetter(all, exchanged) };
    },
  };
}

/** One violation for a path: the one that says more of it. */
function withBetter(found: readonly Violation[], better: readonly Violation[]): Violation[] {
  const known = new Set(better.map(({ path }) => path));
  return [...found.filter(({ path }) => !known.has(path)), ...better];
}

/** Compiled files of another state would be taken for those of this one. */
function mayStay(path: string): boolean {
  return !path.split("/").some(isCache);
}

function entryOf(text: string, was?: Manifest[string]): Manifest[string] {
  return {
    size: Buffer.byteLength(text),
    mode: was?.mode ?? "100644",
    sha256: createHash("sha256").update(text).digest("hex"),
  };
}

/** Copies of other pins are of no use: another base, other inputs, other private paths. */
function keyOf({ place }: CopySource): string {
  return pinHash(place.pins);
}

/** Paths in the tree that only scorers see. */
function hiddenPlaces({ contract: { score, holdout }, place }: CopySource): string[] {
  return [score, holdout, holdout?.sealed]
    .flatMap((judge) => judge?.private ?? [])
    .map((path) => posix.join(place.lab, path));
}

/** Paths in the tree that are no part of any state: inputs, and what a run may write. */
function ignoredPlaces({ contract, place }: CopySource): string[] {
  const writable = contract.write.map((path) => posix.join(place.lab, path));
  return [...place.inputs.flatMap(({ at }) => (typeof at === "string" ? [at] : [])), ...writable];
}

/** Where links to inputs lead, those left out of which a part is only for scorers. */
function shownInputs(source: CopySource): string[] {
  const hidden = hiddenPlaces(source);
  return source.place.inputs.flatMap(({ host, at }) =>
    typeof at === "string" && !hidden.some((path) => path === at || path.startsWith(`${at}/`)) ? [host] : [],
  );
}

/** Why nothing in a working copy can be looked at; null when the way to the lab's folder in it is as it was made. */
async function barredWay(
  folder: string,
  lab: string,
  name: "working copy" | "workspace",
): Promise<Violation | null> {
  const fault = await wayFault(folder, lab);
  if (fault === null) return null;
  const what =
    fault.path === ""
      ? `the ${name} itself`
      : fault.path === lab
        ? `the lab's folder ${lab} in the ${name}`
        : `the folder ${fault.path}, in which the lab lies in the ${name},`;
  const detail = `${what} is ${fault.found === "nothing" ? "gone" : fault.found}; nothing was read there`;
  return { path: ".", kind: fault.found === "a link" ? "link" : "forbidden", detail };
}

/** Where the inputs that the tree shows lie in it; a committed link above one is followed in the base, where it is known. */
async function inputPlaces({ place }: CopySource): Promise<{ host: string; at: string; lies: string }[]> {
  const base = await realpath(place.base);
  const places: { host: string; at: string; lies: string }[] = [];
  for (const { host, at } of place.inputs) {
    if (typeof at !== "string") continue;
    const above = relative(
      base,
      await realpath(join(base, dirname(at))).catch(() => join(base, dirname(at))),
    );
    if (above !== ".." && !above.startsWith("../"))
      places.push({ host, at, lies: posix.join(above, basename(at)) });
  }
  return places;
}

/** Folders above inputs that were exchanged for links. */
async function exchangedInputs(source: CopySource, folder: string): Promise<Violation[]> {
  const found = new Map<string, Violation>();
  for (const { lies } of await inputPlaces(source)) {
    const fault = await wayFault(folder, dirname(lies));
    if (fault?.found !== "a link") continue;
    const detail = "this folder, in which an input lies, was exchanged for a link";
    found.set(fault.path, { path: fault.path, kind: "link", detail });
  }
  return [...found.values()];
}

/** Inputs are shown as links to where they lie; one that holds something private is a folder of links to the rest. */
async function linkInputs(source: CopySource, folder: string): Promise<void> {
  const hidden = hiddenPlaces(source);
  const way = { make: true, clear: true };
  const link = async (host: string, at: string, lies: string): Promise<void> => {
    if (hidden.includes(at)) return;
    if (hidden.some((path) => path.startsWith(`${at}/`))) {
      const names = await readdir(host);
      const tidy = async (here: string) => {
        for (const name of await readdir(here)) if (!names.includes(name)) await removeTree(join(here, name));
      };
      await inFolder(folder, lies, tidy, way);
      for (const name of names) await link(join(host, name), posix.join(at, name), posix.join(lies, name));
      return;
    }
    const renew = async (here: string) => {
      const target = join(here, basename(lies));
      const now = await lstat(target).catch(() => null);
      if (now?.isSymbolicLink() && (await readlink(target)) === host) return;
      await removeTree(target);
      await symlink(host, target);
    };
    await inFolder(folder, dirname(lies), renew, way);
  };
  for (const { host, at, lies } of await inputPlaces(source)) await link(host, at, lies);
}

/** The least that git takes for a repository; written by hand, since git is never run in the folder. */
async function ownRepository(folder: string, unlisted: readonly string[]): Promise<void> {
  const git = join(folder, ".git");
  for (const name of ["objects", "refs/heads", "info"]) await mkdir(join(git, name), { recursive: true });
  await writeFile(join(git, "HEAD"), "ref: refs/heads/workspace\n");
  await writeFile(join(git, "config"), "[core]\n\trepositoryformatversion = 0\n\tbare = false\n");
  await writeFile(join(git, "info", "exclude"), unlisted.map((path) => `/${path}\n`).join(""));
}

const replace = (_: string, value: unknown) => (typeof value === "bigint" ? `${value}n` : value);
const numbers = new Set(["size", "mtimeNs", "ctimeNs", "ino"]);
const revive = (key: string, value: unknown) =>
  numbers.has(key) && typeof value === "string" ? BigInt(value.slice(0, -1)) : value;
