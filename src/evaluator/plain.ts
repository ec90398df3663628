import { constants } from "node:fs";
import { lstat, lutimes, mkdir, open, readdir, readlink, rename, symlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import { removeTree } from "./files.ts";

/** Why a folder could not be made plain, in words for the record. */
export type PlainFault = { kind: "disk" | "tampered"; message: string };

/** Every file and folder of a plain copy has this time: times hold data, too. */
const noTime = new Date(0);

/**
 * Puts copies in the place of folders that hold names, contents and executable bits, and nothing else that a file can
 * carry: no extended attributes, access lists, times, owners, holes, flags, or order in which names were created. What is
 * weighed afterwards is all that anybody can read there.
 *
 * @param mostBytes of the copies together; a file with holes takes its whole length.
 * @returns what is in the way, null when it is done.
 */
export async function makePlain(folders: readonly string[], mostBytes: number): Promise<PlainFault | null> {
  const room = { left: mostBytes };
  for (const folder of folders) {
    const copy = `${folder}.plain`;
    await removeTree(copy);
    const fault = await copyPlain(folder, copy, room).catch(
      ({ code, message }: NodeJS.ErrnoException): PlainFault => ({
        kind: code === "ENOSPC" ? "disk" : "tampered",
        message: `what is weighed cannot be read: ${message}`,
      }),
    );
    if (fault) return fault;
    await removeTree(folder);
    await rename(copy, folder);
  }
  return null;
}

async function copyPlain(from: string, to: string, room: { left: number }): Promise<PlainFault | null> {
  await mkdir(to, { mode: 0o755 });
  for (const name of (await readdir(from)).toSorted()) {
    const source = join(from, name);
    const target = join(to, name);
    const info = await lstat(source).catch(() => null);
    if (info === null)
      return { kind: "tampered", message: `a file is left whose name is no text: ${name.slice(0, 200)}` };
    if (info.isDirectory()) {
      const fault = await copyPlain(source, target, room);
      if (fault) return fault;
    } else if (info.isSymbolicLink()) {
      await symlink(await readlink(source), target);
      await lutimes(target, noTime, noTime);
    } else if (info.isFile()) {
      room.left -= info.size;
      if (room.left < 0)
        return {
          kind: "disk",
          message: "the files that are weighed are longer than the disk that is granted",
        };
      await copyBytes(source, target, (info.mode & 0o111) !== 0);
    }
  }
  await utimes(to, noTime, noTime);
  return null;
}

async function copyBytes(source: string, target: string, executable: boolean): Promise<void> {
  const reading = await open(source, constants.O_RDONLY | constants.O_NOFOLLOW);
  const writing = await open(target, "wx", executable ? 0o755 : 0o644);
  try {
    const bytes = Buffer.alloc(2 ** 18);
    for (;;) {
      const { bytesRead } = await reading.read(bytes);
      if (bytesRead === 0) break;
      await writing.writeFile(bytes.subarray(0, bytesRead));
    }
    await writing.utimes(noTime, noTime);
  } finally {
    await reading.close();
    await writing.close();
  }
}
