import { readFileSync, realpathSync, statSync } from "node:fs";
import { posix } from "node:path";
import { isWithin } from "../paths.ts";

/** A folder or file of the host that is never shown, by its real path. */
export interface KeptOut {
  path: string;
  isFolder: boolean;
}

/**
 * The real paths of what is kept out, and every other path that leads to the same place of the same file system (a
 * folder that is mounted twice).
 */
export function keptOut(
  paths: readonly string[],
  mountInfo = read("/proc/self/mountinfo"),
): readonly KeptOut[] {
  const mounts = parseMountInfo(mountInfo);
  const found = new Map<string, KeptOut>();
  for (const path of paths) {
    const real = realOf(path);
    if (real === null) continue;
    for (const each of [real, ...otherPaths(real, mounts)]) {
      const info = statSync(each, { throwIfNoEntry: false });
      if (info) found.set(each, { path: each, isFolder: info.isDirectory() });
    }
  }
  return [...found.values()];
}

/** The real paths of folders that exist, with every other path that leads to them. */
export function keptPaths(paths: readonly string[]): string[] {
  return keptOut(paths).map(({ path }) => path);
}

export interface MountPoint {
  device: string;
  /** The folder of the file system that is mounted. */
  root: string;
  at: string;
}

/** Lines of /proc/PID/mountinfo (proc_pid_mountinfo(5)): number, parent, device, root, place, ... */
export function parseMountInfo(text: string): MountPoint[] {
  return text.split("\n").flatMap((line) => {
    const [, , device, root, at] = line.split(" ");
    if (device === undefined || root === undefined || at === undefined) return [];
    return [{ device, root: unescaped(root), at: unescaped(at) }];
  });
}

/** Spaces and the like are written as octal numbers there. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** Where else the same folder of the same file system is mounted. */
export function otherPaths(real: string, mounts: readonly MountPoint[]): string[] {
  // The last of those that lie deepest is the one that is seen.
  let own: MountPoint | undefined;
  for (const mount of mounts)
    if (isWithin(real, mount.at) && (!own || mount.at.length >= own.at.length)) own = mount;
  if (!own) return [];
  const inFileSystem = posix.join(own.root, posix.relative(own.at, real));
  return mounts
    .filter((mount) => mount !== own && mount.device === own.device && isWithin(inFileSystem, mount.root))
    .map((mount) => posix.join(mount.at, posix.relative(mount.root, inFileSystem)))
    .filter((path) => path !== real);
}

const binds = new Set(["--bind", "--ro-bind", "--dev-bind"].flatMap((name) => [name, `${name}-try`]));

/**
 * The same mounts for bubblewrap, with a cover over each kept-out path that a bind would show. What is bound later may
 * lie below such a cover: only what an order names itself is seen there.
 *
 * @param args mounts alone: every word that is the name of an option is one.
 * @param emptyFile host path of an empty file.
 */
export function withCovers(
  args: readonly string[],
  kept: readonly KeptOut[],
  emptyFile: string,
  real = realOf,
): string[] {
  const result: string[] = [];
  const folders = new Set<string>();
  for (let index = 0; index < args.length; index++) {
    const word = args[index] as string;
    result.push(word);
    if (!binds.has(word)) continue;
    const host = args[index + 1] as string;
    const at = args[index + 2] as string;
    result.push(host, at);
    index += 2;
    for (const { place, isFolder } of keptWithin(host, at, kept, real)) {
      if (isFolder) folders.add(place);
      result.push(...(isFolder ? ["--tmpfs", place] : ["--ro-bind", emptyFile, place]));
    }
  }
  return [...result, ...[...folders].flatMap((place) => ["--remount-ro", place])];
}

/** Where a bind of `host` at `at` would show what is kept out: the outermost places. */
export function keptWithin(
  host: string,
  at: string,
  kept: readonly KeptOut[],
  real = realOf,
): { place: string; isFolder: boolean }[] {
  const from = real(host);
  if (from === null) return [];
  const below = kept.filter(({ path }) => path !== from && isWithin(path, from));
  return below
    .filter(({ path }) => !below.some((outer) => outer.path !== path && isWithin(path, outer.path)))
    .map(({ path, isFolder }) => ({ place: posix.join(at, posix.relative(from, path)), isFolder }));
}

function realOf(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
