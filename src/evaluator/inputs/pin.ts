import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { RunFailed } from "../../errors.ts";
import { hashAll, rootHash } from "./content.ts";
import { changedFrom, type Kept, keep, keptRoot, readKept } from "./kept.ts";
import { changedCaches, differences, type Survey, survey } from "./survey.ts";

/** An input whose content was pinned: what must not change while a session runs. */
export interface Pinned {
  /** As pins and messages call it: `input data`. */
  name: string;
  host: string;
  isExcluded: (path: string) => boolean;
  /** Hash over its content. */
  hash: string;
  survey: Survey;
  /**
   * Paths below it that no run is shown: what is excluded, and caches that are not as they were when it was pinned.
   * Kept current by `look`, and shared with the mounts that show the input.
   */
  hidden: string[];
  /** Bytes and files whose content had to be read for it. */
  read: { bytes: number; files: number };
  /** The first files that differ from what it was when it was last pinned, and the hash that it had then. */
  changed: Kept["changed"];
  /** Where the hashes of its files are kept. */
  keptIn: string;
}

export interface PinOptions {
  name: string;
  host: string;
  isExcluded?: (path: string) => boolean;
  /** Folder in which hashes are kept from start to start; out of every run's reach where isolation is kept. */
  folder: string;
  /** Nothing is taken from hashes that were kept: every file is read. For an audit. */
  anew?: boolean;
  onLine?: (line: string) => void;
  signal?: AbortSignal;
}

/**
 * Pins an input by its content. A file is read once: later starts take its hash from `folder` as long as its size,
 * times (to the nanosecond, the change time included), number and device are the same.
 *
 * @throws RunFailed when `signal` is aborted; what was read until then is kept.
 */
export async function pinInput(options: PinOptions): Promise<Pinned> {
  const { name, host, signal } = options;
  const isExcluded = options.isExcluded ?? (() => false);
  const keptIn = join(options.folder, `${createHash("sha256").update(host).digest("hex").slice(0, 24)}.txt`);
  // Taken before anything is read: what changes meanwhile is noticed later.
  const found = await survey(host, { isExcluded, ...(signal ? { signal } : {}) }).catch((error: unknown) => {
    throw stopped(error, options);
  });
  const base = { name, host, isExcluded, survey: found, hidden: [...found.excluded], keptIn };
  const same = options.anew ? null : await keptRoot(keptIn, found.content);
  if (same?.root) return { ...base, hash: same.root, read: { bytes: 0, files: 0 }, changed: same.changed };

  const kept = options.anew ? null : await readKept(keptIn);
  const hashes = new Map<string, string>();
  const unknown: [string, string][] = [];
  for (const [path, stamp] of found.content) {
    const known = kept?.files.get(path);
    if (known?.stamp === stamp) hashes.set(path, known.sha256);
    else unknown.push([path, stamp]);
  }
  const readFrom = Date.now();
  const total = unknown.reduce((sum, [, stamp]) => sum + Number(stamp.split(" ")[1]), 0);
  const bytes = await readAll({ ...options, unknown, total, hashes }).catch(async (error: unknown) => {
    await keep(keptIn, found.content, hashes, { root: null, changed: null, readFrom });
    throw stopped(error, options);
  });
  const hash = rootHash(found.content, hashes);
  const changed =
    kept?.root && kept.root !== hash
      ? { from: kept.root, paths: changedFrom(kept, found.content, hashes) }
      : (kept?.changed ?? null);
  await keep(keptIn, found.content, hashes, { root: hash, changed, readFrom });
  return { ...base, hash, read: { bytes, files: unknown.length }, changed };
}

/** Words for a stop that came while the input was looked through or read; any other error stays as it is. */
function stopped(error: unknown, { name, signal }: PinOptions): unknown {
  if (!signal?.aborted) return error;
  return new RunFailed(
    `stopped by hand while ${name} was read for the first time`,
    "the same command goes on; what was read is not read again",
  );
}

interface ReadOptions extends PinOptions {
  unknown: [path: string, stamp: string][];
  /** Bytes of them. */
  total: number;
  hashes: Map<string, string>;
}

/** Milliseconds between two lines about how far reading is. */
const tellEvery = 2_000;

/** @returns the bytes that were read. */
async function readAll({ name, host, unknown, total, hashes, onLine, signal }: ReadOptions): Promise<number> {
  let bytes = 0;
  let told = performance.now();
  await hashAll(host, unknown, {
    ...(signal ? { signal } : {}),
    onHash: (path, sha256) => hashes.set(path, sha256),
    onBytes: (more) => {
      bytes += more;
      if (performance.now() - told < tellEvery) return;
      told = performance.now();
      const share = total === 0 ? 100 : Math.floor((100 * bytes) / total);
      onLine?.(
        `reading ${name} once, to pin it by its content: ${size(bytes)} of ${size(total)} (${share} %)`,
      );
    },
  });
  return bytes;
}

/** `1.2 GB`, in powers of 1024 as everywhere in contracts. */
export function size(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : Number(value.toPrecision(2))} ${units[unit]}`;
}

/** What a look at an input found. */
export interface Look {
  /** Files of which the content is no longer what was pinned, in order. */
  changed: string[];
  /** Caches that have changed since the last look: no later run is shown them. */
  hidden: string[];
}

/** More covers than this would slow every run down. */
const mostCovers = 200;

/**
 * Looks whether an input is still as it was pinned, and hides caches that are not. Nothing is read where sizes and
 * times are the same.
 *
 * @param options.strict a touched file counts as changed though its content is the same: something may have exchanged
 *   it and put it back. For inputs that a run can write.
 */
export async function look(pinned: Pinned, options: { strict: boolean }): Promise<Look> {
  const { host, isExcluded } = pinned;
  const now = await survey(host, { isExcluded });
  const touched = differences(pinned.survey.content, now.content);
  const changed =
    options.strict || touched.length === 0 ? touched : await reallyChanged(pinned, now, touched);
  if (changed.length === 0 && touched.length > 0) pinned.survey = { ...now, caches: pinned.survey.caches };
  const stale = changedCaches(pinned.survey.caches, now);
  const hidden = stale.filter((path) => !pinned.hidden.includes(path));
  pinned.hidden.push(...hidden, ...now.excluded.filter((path) => !pinned.hidden.includes(path)));
  if (stale.length > mostCovers)
    changed.push(`${stale.length} caches in it, too many to be hidden from runs, such as ${stale[0]}`);
  return { changed, hidden };
}

/** Those of the touched files of which the content is another one, or not known any more. */
async function reallyChanged(pinned: Pinned, now: Survey, touched: readonly string[]): Promise<string[]> {
  const kept = await readKept(pinned.keptIn);
  const there = touched.flatMap((path): [string, string][] => {
    const stamp = now.content.get(path);
    return stamp === undefined || !pinned.survey.content.has(path) ? [] : [[path, stamp]];
  });
  const hashes = new Map<string, string>();
  await hashAll(pinned.host, there, { onHash: (path, sha256) => hashes.set(path, sha256) });
  const sameKind = (path: string) =>
    now.content.get(path)?.split(" ")[0] === pinned.survey.content.get(path)?.split(" ")[0];
  return touched.filter((path) => {
    const sha256 = hashes.get(path);
    return sha256 === undefined || !sameKind(path) || kept?.files.get(path)?.sha256 !== sha256;
  });
}

/**
 * Which of the caches of inputs a session has seen from its beginning: a process that goes on with the session hides
 * all others. Kept beside the hashes, under the hash of what it holds, which the session's record names.
 */
export async function keepCaches(folder: string, all: readonly Pinned[]): Promise<string> {
  const text = JSON.stringify(all.map(({ name, survey: { caches } }) => [name, [...caches]]));
  const hash = createHash("sha256").update(text).digest("hex");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `caches-${hash.slice(0, 24)}.json`), text);
  return hash;
}

/** Takes the caches that a session saw at its beginning as its own, and hides what is not as it was then. */
export async function recallCaches(folder: string, all: readonly Pinned[], hash: string): Promise<void> {
  const text = await readFile(join(folder, `caches-${hash.slice(0, 24)}.json`), "utf8").catch(() => "");
  const known = createHash("sha256").update(text).digest("hex") === hash;
  const seen = new Map(
    (known ? (JSON.parse(text) as [string, [string, string][]][]) : []).map(([name, caches]) => [
      name,
      new Map(caches),
    ]),
  );
  for (const pinned of all) {
    const now = pinned.survey;
    pinned.survey = { ...now, caches: seen.get(pinned.name) ?? new Map() };
    pinned.hidden.push(...changedCaches(pinned.survey.caches, now));
  }
}
