import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { UserError } from "../errors.ts";
import { git, gitBytes, gitStream } from "./git.ts";
import { completeCommit } from "./partial.ts";
import type { Repo } from "./repo.ts";

/** What a commit only points to: content of Git LFS, commits of other repositories. */
export interface Pointed {
  files: { path: string; oid: string; size: number }[];
  submodules: { path: string; oid: string }[];
}

export interface Entry {
  mode: string;
  type: string;
  oid: string;
  path: string;
}

/**
 * Writes the committed tree into an empty folder, byte for byte as git holds it: attributes, filters, line-ending
 * conversion and hooks play no part. Submodules become empty folders.
 *
 * @throws UserError for a tree that cannot be written safely (a path or link that leads outside).
 */
export async function checkoutBase(
  repo: Repo,
  commit: string,
  folder: string,
): Promise<{ tree: string; submodules: string[]; pointed: Pointed }> {
  const tree = (await git(repo.root, ["rev-parse", `${commit}^{tree}`])).trim();
  const bytes = await gitBytes(repo.root, ["ls-tree", "-r", "-z", "--full-tree", tree]);
  const listing = bytes.toString();
  if (Buffer.compare(Buffer.from(listing), bytes) !== 0)
    throw new UserError(
      `the commit holds a path that is not UTF-8: ${JSON.stringify(listing.split("\0").find((line) => line.includes("\ufffd")))}`,
      "rename that file (git mv) and commit",
    );
  await completeCommit(repo, commit);
  const entries = parseTree(listing);
  await mkdir(folder, { recursive: true });
  const folders = new Set<string>();
  for (const { path } of entries) {
    if (path.split("/").some((part) => part === ".." || part === "" || part.toLowerCase() === ".git"))
      throw new UserError(
        `the commit holds a path that cannot be checked out safely: ${JSON.stringify(path)}`,
      );
    folders.add(dirname(path));
  }
  for (const path of folders) await mkdir(join(folder, path), { recursive: true });
  const gitlinks = entries.filter((entry) => entry.type === "commit");
  const submodules = gitlinks.map((entry) => entry.path);
  const pointed: Pointed = { files: [], submodules: gitlinks.map(({ path, oid }) => ({ path, oid })) };
  for (const path of submodules) await mkdir(join(folder, path), { recursive: true });

  const blobs = entries.filter((entry) => entry.type === "blob");
  const pending: Promise<void>[] = [];
  const links = new Map<string, string>();
  let next = 0;
  for await (const content of blobContents(repo, blobs)) {
    const entry = blobs[next++] as Entry;
    if (entry.mode === "120000") {
      links.set(entry.path, content.toString());
      continue;
    }
    const pointer = pointerIn(content);
    if (pointer) pointed.files.push({ path: entry.path, ...pointer });
    const writing = writeNew(entry.path, () =>
      writeFile(join(folder, entry.path), content, {
        mode: entry.mode === "100755" ? 0o755 : 0o644,
        flag: "wx",
      }),
    );
    // It is awaited below; until then its failure must not count as unhandled.
    writing.catch(() => {});
    pending.push(writing);
    if (pending.length >= 64) await Promise.all(pending.splice(0));
  }
  await Promise.all(pending);
  // Links come last, so that no file is ever written through one.
  for (const [path, link] of links) {
    if (leadsOutside(path, links))
      throw new UserError(
        `the link ${path} -> ${link} leads out of the repository`,
        "replace it by a file, or name its target under `inputs` in program.md",
      );
    await writeNew(path, () => symlink(link, join(folder, path)));
  }
  return { tree, submodules, pointed };
}

/** What a Git LFS pointer says (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md); null for anything else. */
function pointerIn(content: Buffer): { oid: string; size: number } | null {
  if (
    content.length > 1024 ||
    !content.toString("latin1").startsWith("version https://git-lfs.github.com/spec/")
  )
    return null;
  const text = content.toString();
  const oid = /^oid sha256:([0-9a-f]{64})$/m.exec(text)?.[1];
  const size = /^size (\d+)$/m.exec(text)?.[1];
  return oid === undefined || size === undefined ? null : { oid, size: Number(size) };
}

/** The lines of `git ls-tree -z`. */
export function parseTree(listing: string): Entry[] {
  const entries: Entry[] = [];
  for (const line of listing.split("\0")) {
    const match = /^(\d+) (\w+) ([0-9a-f]+)\t(.+)$/s.exec(line);
    if (match)
      entries.push({ mode: match[1] ?? "", type: match[2] ?? "", oid: match[3] ?? "", path: match[4] ?? "" });
  }
  return entries;
}

async function writeNew(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new UserError(
      `the commit holds two paths that are one on this file system: ${path} and another spelling of it`,
      "rename one of them (git mv) and commit",
    );
  }
}

/**
 * Follows a link as the kernel would, through other links of the tree: `a/b/c -> ../..` makes `a/b/c/../x` a path
 * outside, though its text alone does not show it.
 */
function leadsOutside(path: string, links: ReadonlyMap<string, string>): boolean {
  const at: string[] = [];
  const todo = path.split("/").reverse();
  for (let hops = 0; todo.length > 0; ) {
    const part = todo.pop() as string;
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (at.pop() === undefined) return true;
      continue;
    }
    at.push(part);
    const link = links.get(at.join("/"));
    if (link === undefined) continue;
    if (posix.isAbsolute(link)) return true;
    // A circle of links leads nowhere; the kernel gives up after 40 as well.
    if (++hops > 40) return false;
    at.pop();
    todo.push(...link.split("/").reverse());
  }
  return false;
}

/** The blobs in order, read through one `git cat-file --batch`. */
export async function* blobContents(repo: Repo, blobs: readonly Entry[]): AsyncGenerator<Buffer> {
  if (blobs.length === 0) return;
  const child = gitStream(
    repo.root,
    ["cat-file", "--batch"],
    `${blobs.map((entry) => entry.oid).join("\n")}\n`,
  );
  let chunks: Buffer[] = [];
  let buffered = 0;
  let needed: number | null = null;
  let delivered = 0;
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    buffered += chunk.length;
    if (needed !== null && buffered < needed + 1) continue;
    let data = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    for (;;) {
      if (needed === null) {
        const end = data.indexOf(10);
        if (end < 0) break;
        const [, , size] = data.subarray(0, end).toString().split(" ");
        needed = Number(size);
        if (!Number.isFinite(needed))
          throw new UserError(
            "the repository lacks an object of this commit",
            "run `git fsck` there, or `git fetch --refetch --no-filter` in a partial clone",
          );
        data = data.subarray(end + 1);
      }
      if (data.length < needed + 1) break;
      yield Buffer.from(data.subarray(0, needed));
      delivered++;
      data = data.subarray(needed + 1);
      needed = null;
    }
    chunks = [data];
    buffered = data.length;
  }
  if (delivered < blobs.length)
    throw new UserError("the repository could not be read to the end", "run `git fsck` there");
}
