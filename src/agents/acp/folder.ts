import { constants } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { join, posix } from "node:path";

/** A working copy as the host has it and as the agent sees it. */
export interface SeenFolder {
  /** Host path without any link in it. */
  host: string;
  /** The agent's path of the same folder. */
  seen: string;
}

/** A request of the agent that is not granted; the message goes to the agent. */
export class Refused extends Error {}

/** Bytes of a file that an agent may read or write through the protocol. */
const sizeLimit = 4 * 2 ** 20;

/**
 * A path that the agent named, relative to the folder with `/`; null when it leads out of it. Links are not looked at
 * here: whoever opens the file does.
 *
 * @param cwd what relative paths are relative to, itself relative to the folder.
 */
export function pathIn(folder: SeenFolder, cwd: string, path: string): string | null {
  if (path.includes("\0")) return null;
  const plain = path.replace(/^file:\/\//, "");
  const absolute = plain.startsWith("/") ? posix.normalize(plain) : posix.join(folder.seen, cwd, plain);
  for (const root of [folder.seen, folder.host]) {
    const base = root.endsWith("/") ? root : `${root}/`;
    if (absolute.startsWith(base)) return absolute.slice(base.length).replace(/\/+$/, "");
  }
  return null;
}

/**
 * Text of a file in the folder, null where there is none.
 *
 * @param line the first line, from 1; absent: the first of all.
 * @param limit how many lines at most.
 * @throws Refused when the path leads through a link, names no regular file or a file larger than 4 MiB.
 */
export async function readBeneath(
  host: string,
  path: string,
  { line, limit }: { line?: number | null | undefined; limit?: number | null | undefined } = {},
): Promise<string | null> {
  const handle = await openBeneath(host, path, constants.O_RDONLY, false);
  if (handle === null) return null;
  try {
    const info = await handle.stat();
    if (!info.isFile()) throw new Refused(`${path} is no regular file`);
    if (info.size > sizeLimit) throw new Refused(`${path} is larger than ${sizeLimit} bytes`);
    const text = await handle.readFile("utf8");
    if (line == null && limit == null) return text;
    const first = Math.max(0, (line ?? 1) - 1);
    return text
      .split(/(?<=\n)/)
      .slice(first, limit == null ? undefined : first + limit)
      .join("");
  } finally {
    await handle.close();
  }
}

/**
 * Writes a file in the folder, and the folders above it.
 *
 * @throws Refused when the path leads through a link, names no regular file of one name, or the text is over 4 MiB.
 */
export async function writeBeneath(host: string, path: string, text: string): Promise<void> {
  if (Buffer.byteLength(text) > sizeLimit) throw new Refused(`more than ${sizeLimit} bytes`);
  const handle = await openBeneath(host, path, constants.O_WRONLY | constants.O_CREAT, true);
  if (handle === null) throw new Refused(`${path} is gone`);
  try {
    const info = await handle.stat();
    if (!info.isFile()) throw new Refused(`${path} is no regular file`);
    if (info.nlink !== 1) throw new Refused(`${path} has ${info.nlink} names`);
    await handle.truncate(0);
    await handle.writeFile(text);
  } finally {
    await handle.close();
  }
}

/**
 * Opens a file below a folder, one real folder after the other: on Linux each step begins at the folder opened before,
 * so that no link planted meanwhile can lead elsewhere. Null where nothing is there.
 */
async function openBeneath(
  host: string,
  path: string,
  flags: number,
  create: boolean,
): Promise<FileHandle | null> {
  const parts = path.split("/");
  if (path === "" || parts.some((part) => part === "" || part === "." || part === ".."))
    throw new Refused(`${path === "" ? "the folder itself" : path} cannot be opened`);
  let folder = await open(host, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    for (const [index, part] of parts.slice(0, -1).entries()) {
      const at = stepBelow(folder, host, parts.slice(0, index), part);
      if (create)
        await mkdir(at).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== "EEXIST") throw error;
        });
      const next = await open(at, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
      await folder.close();
      folder = next;
    }
    const at = stepBelow(folder, host, parts.slice(0, -1), parts.at(-1) as string);
    // Non-blocking: a pipe with nobody at its other end would hold the turn for ever.
    return await open(at, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o644);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return null;
    if (code === "ELOOP" || code === "EMLINK" || code === "ENOTDIR")
      throw new Refused(`${path} leads through a link or through what is no folder`);
    throw new Refused(`${path} cannot be opened (${code ?? "unknown"})`);
  } finally {
    await folder.close();
  }
}

function stepBelow(folder: FileHandle, host: string, above: string[], part: string): string {
  return process.platform === "linux" ? `/proc/self/fd/${folder.fd}/${part}` : join(host, ...above, part);
}
