import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { UserError } from "../errors.ts";
import { git, gitStream } from "./git.ts";
import type { Repo } from "./repo.ts";

interface Entry {
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
): Promise<{ tree: string; submodules: string[] }> {
  const tree = (await git(repo.root, ["rev-parse", `${commit}^{tree}`])).trim();
  const listing = await git(repo.root, ["ls-tree", "-r", "-z", "--full-tree", tree]);
  const entries: Entry[] = [];
  for (const line of listing.split("\0")) {
    const match = /^(\d+) (\w+) ([0-9a-f]+)\t(.+)$/s.exec(line);
    if (match)
      entries.push({ mode: match[1] ?? "", type: match[2] ?? "", oid: match[3] ?? "", path: match[4] ?? "" });
  }
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
  const submodules = entries.filter((entry) => entry.type === "commit").map((entry) => entry.path);
  for (const path of submodules) await mkdir(join(folder, path), { recursive: true });

  const blobs = entries.filter((entry) => entry.type === "blob");
  const pending: Promise<void>[] = [];
  let next = 0;
  for await (const content of blobContents(repo, blobs)) {
    const entry = blobs[next++] as Entry;
    const writing = writeEntry(folder, entry, content);
    // It is awaited below; until then its failure must not count as unhandled.
    writing.catch(() => {});
    pending.push(writing);
    if (pending.length >= 64) await Promise.all(pending.splice(0));
  }
  await Promise.all(pending);
  return { tree, submodules };
}

async function writeEntry(folder: string, entry: Entry, content: Buffer): Promise<void> {
  const target = join(folder, entry.path);
  if (entry.mode === "120000") {
    const link = content.toString();
    const resolved = posix.normalize(posix.join(dirname(entry.path), link));
    if (posix.isAbsolute(link) || resolved === ".." || resolved.startsWith("../"))
      throw new UserError(
        `the link ${entry.path} -> ${link} leads out of the repository`,
        "replace it by a file, or name its target under `inputs` in program.md",
      );
    await symlink(link, target);
    return;
  }
  await writeFile(target, content, { mode: entry.mode === "100755" ? 0o755 : 0o644, flag: "wx" });
}

/** The blobs in order, read through one `git cat-file --batch`. */
async function* blobContents(repo: Repo, blobs: readonly Entry[]): AsyncGenerator<Buffer> {
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
          throw new UserError("the repository lacks an object of this commit", "run `git fsck` there");
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
