import { createHash } from "node:crypto";
import { constants, createReadStream, existsSync } from "node:fs";
import { chmod, copyFile, lstat, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { checkoutBase, type Pointed } from "./base.ts";
import { GitError } from "./git.ts";
import type { Repo } from "./repo.ts";

/** Bytes of Git LFS content that are copied into a base; what is larger is better named as an input. */
const mostBytes = 2 ** 30;

/**
 * Lays out in a base what its commit only points to and this clone has: the content of Git LFS files, whose hash the
 * commit names, and the commits of submodules. Both follow from the commit alone, whatever the working tree holds.
 *
 * @param isWanted whether a file of Git LFS is replaced by its content.
 * @returns what is not here, a sentence each, with what fetches it.
 */
export async function layOutPointed(
  repo: Repo,
  base: string,
  pointed: Pointed,
  isWanted: (path: string) => boolean,
): Promise<string[]> {
  return [
    ...(await layOutFiles(
      repo,
      base,
      pointed.files.filter(({ path }) => isWanted(path)),
    )),
    ...(await layOutSubmodules(repo, base, pointed.submodules)),
  ];
}

async function layOutFiles(repo: Repo, base: string, files: Pointed["files"]): Promise<string[]> {
  const absent: string[] = [];
  const large: string[] = [];
  let room = mostBytes;
  for (const { path, oid, size } of files) {
    const object = join(repo.gitDir, "lfs", "objects", oid.slice(0, 2), oid.slice(2, 4), oid);
    if (!existsSync(object)) absent.push(path);
    else if (size > room) large.push(path);
    else if (await replaceBy(join(base, path), object, oid)) room -= size;
    else absent.push(path);
  }
  return [
    ...(absent.length === 0
      ? []
      : [
          `${several(absent)} Git LFS, and runs see a pointer of some 130 bytes, since the content is not in this clone: \`git lfs pull\` fetches it`,
        ]),
    ...(large.length === 0
      ? []
      : [
          `${several(large)} Git LFS, and runs see a pointer, since more than 1 GB would have to be copied: put the content into a folder that git does not know and name that under \`inputs\``,
        ]),
  ];
}

/** `a.bin is a file of`, `a.bin, b.bin and 3 more are files of` */
function several(paths: readonly string[]): string {
  const [first = ""] = paths;
  if (paths.length === 1) return `${first} is a file of`;
  const more = paths.length > 3 ? ` and ${paths.length - 3} more` : "";
  return `${paths.slice(0, 3).join(", ")}${more} are files of`;
}

/** False where the object is not what its name says. */
async function replaceBy(target: string, object: string, oid: string): Promise<boolean> {
  const { mode } = await lstat(target);
  const copy = `${target}.lfs`;
  await copyFile(object, copy, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  const hash = createHash("sha256");
  for await (const part of createReadStream(copy)) hash.update(part as Buffer);
  if (hash.digest("hex") !== oid) {
    await rm(copy);
    return false;
  }
  await chmod(copy, mode & 0o777);
  await rename(copy, target);
  return true;
}

async function layOutSubmodules(
  repo: Repo,
  base: string,
  submodules: Pointed["submodules"],
): Promise<string[]> {
  const remarks: string[] = [];
  for (const { path, oid } of submodules) {
    const own: Repo = { ...repo, root: join(repo.root, path), gitDir: join(repo.gitDir, "modules", path) };
    const laid = existsSync(join(own.root, ".git"))
      ? await checkoutBase(own, oid, join(base, path)).catch((error: unknown) => {
          if (error instanceof GitError) return null;
          throw error;
        })
      : null;
    if (laid) remarks.push(...(await layOutPointed(own, join(base, path), laid.pointed, () => true)));
    else
      remarks.push(
        `${path} is a submodule, and its folder is empty for runs, since commit ${oid.slice(0, 10)} of it is not in this clone: \`git submodule update --init ${path}\` fetches it`,
      );
  }
  return remarks;
}
