import { constants, existsSync } from "node:fs";
import { type FileHandle, mkdir, open, readlink } from "node:fs/promises";
import { join, posix } from "node:path";

/** What the tools of one turn share. */
export interface ToolContext {
  /** The working folder, links in its own path resolved. */
  folder: string;
  /** Host paths that links in it lead to, shown read-only to commands. */
  inputs: { host: string; at: { path: string } }[];
}

/** An open folder. */
interface Held {
  handle: FileHandle;
  path: string;
}

/** An entry of an open folder, there or not; "." is the folder itself. */
export interface Entry {
  parent: Held;
  name: string;
}

/**
 * Whether this system lets us go on from an open folder. Elsewhere its path is taken again, and whoever swaps folders on
 * it for links at the right moment leads us astray.
 */
export const goesFromOpenFolders = existsSync("/proc/self/fd");

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;
const mostLinks = 40;
/** Characters of one answer. */
const most = 30_000;

/**
 * Goes to a path that a model gave, and does something there.
 *
 * Commands may be at work in the folder and swap what is there for links: a path that was looked at leads elsewhere when it
 * is used. So each folder on the way is opened in the one that is open before it, and never through a link. Links are
 * read, and followed from the top again, within the folder only.
 *
 * @param make whether folders on the way are made where they are missing.
 * @throws Error in words for the model.
 */
export async function within<T>(
  folder: string,
  path: string,
  make: boolean,
  use: (at: Entry) => Promise<T>,
): Promise<T> {
  let parts = partsOf(folder, path);
  for (let links = 0; links <= mostLinks; links++) {
    const top = await holdFolder(folder);
    try {
      const came = await go(top, [], parts);
      if ("to" in came) return came.to;
      parts = came.linked;
    } catch (error) {
      throw inWords(error as NodeJS.ErrnoException, path);
    } finally {
      await top.handle.close();
    }
  }
  throw new Error(`${path} leads from one link to the next without an end`);

  async function go(
    held: Held,
    above: readonly string[],
    left: readonly string[],
  ): Promise<{ to: T } | { linked: string[] }> {
    const [name, ...rest] = left;
    if (name === undefined) return { to: await use({ parent: held, name: "." }) };
    const entry = { parent: held, name };
    const target = await readlink(placeOf(entry)).catch(() => null);
    if (target !== null) return { linked: [...ledTo(folder, path, above, target), ...rest] };
    if (rest.length === 0) return { to: await use(entry) };
    if (make)
      await mkdir(placeOf(entry)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
      });
    return inFolder(entry, (next) => go(next, [...above, name], rest));
  }
}

/** Does something in a folder that is not reached through a link. */
export async function inFolder<T>(entry: Entry, use: (held: Held) => Promise<T>): Promise<T> {
  const held = await holdFolder(placeOf(entry), join(entry.parent.path, entry.name));
  try {
    return await use(held);
  } finally {
    await held.handle.close();
  }
}

/** Opens an entry, never through a link and without waiting for what is no file. */
export function openEntry(entry: Entry, flags: number): Promise<FileHandle> {
  return open(placeOf(entry), flags | O_NOFOLLOW | O_NONBLOCK, 0o666);
}

/** A host path by which an entry is reached while its folder is open. */
export function placeOf({ parent, name }: Entry): string {
  // Nothing may take the "." away: the path without it is a link.
  return `${goesFromOpenFolders ? `/proc/self/fd/${parent.handle.fd}` : parent.path}/${name}`;
}

async function holdFolder(place: string, path = place): Promise<Held> {
  return { handle: await open(place, O_DIRECTORY | O_NOFOLLOW), path };
}

/** The names on the way to a path, relative to the folder. */
function partsOf(folder: string, path: string): string[] {
  const clean = posix.normalize(path.replaceAll("\\", "/")).replace(/\/$/, "");
  const relative = clean.startsWith(`${folder}/`) ? clean.slice(folder.length + 1) : clean;
  if (relative === "." || relative === "" || clean === folder) return [];
  if (relative.startsWith("/") || relative === ".." || relative.startsWith("../") || relative.includes("\0"))
    throw new Error(`${path} lies outside of the working folder; use paths relative to it`);
  return relative.split("/");
}

/** What paths below a path that a model gave begin with. */
export function prefixOf(folder: string, path: string): string {
  return partsOf(folder, path).join("/");
}

/** The same of what a link in `above` says. */
function ledTo(folder: string, path: string, above: readonly string[], target: string): string[] {
  const clean = target.startsWith("/") ? target : posix.join(...above, ".", target);
  try {
    return partsOf(folder, clean);
  } catch {
    throw new Error(`${path} leads through a link out of the working folder`);
  }
}

function inWords(error: NodeJS.ErrnoException, path: string): Error {
  if (error.code === undefined) return error;
  return new Error(error.code === "ENOENT" ? `there is no file ${path}` : `${path}: ${error.code}`);
}

/** The middle is left out of what is too long. */
export function capped(text: string, limit = most): string {
  if (text.length <= limit) return text;
  const half = Math.floor(limit / 2);
  return `${text.slice(0, half)}\n[... ${text.length - 2 * half} characters left out ...]\n${text.slice(-half)}`;
}

export function said(text: string): { text: string; ok: true; exitCode: null } {
  return { text: capped(text), ok: true, exitCode: null };
}
