import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GitError, git } from "./git.ts";

/** Editable files: path relative to the lab -> text, null where a file is not there. */
type Files = Readonly<Record<string, string | null>>;

/**
 * Applies a change to files that it was not made for: three-way merge of each file.
 *
 * To take a change back, give its `after` as `before` and the other way round.
 *
 * @param change the changed files only, before and after it.
 * @returns the files with the change, or null where it does not fit without a conflict.
 *
 * @example
 * const without = await applyChange(final, { before: change.after, after: change.before });
 */
export async function applyChange(
  files: Readonly<Record<string, string>>,
  change: { before: Files; after: Files },
): Promise<Record<string, string> | null> {
  const result: Record<string, string> = { ...files };
  for (const path of Object.keys({ ...change.before, ...change.after })) {
    const merged = await mergeText(
      change.before[path] ?? null,
      files[path] ?? null,
      change.after[path] ?? null,
    );
    if (merged === undefined) return null;
    if (merged === null) delete result[path];
    else result[path] = merged;
  }
  return result;
}

/** Three-way merge of one file; undefined: conflict. */
async function mergeText(
  base: string | null,
  ours: string | null,
  theirs: string | null,
): Promise<string | null | undefined> {
  if (base === ours || ours === theirs) return theirs;
  if (base === theirs) return ours;
  if (base === null || ours === null || theirs === null) return undefined;
  return (await mergeFile(base, ours, theirs)) ?? (await mergeNeighbours(base, ours, theirs));
}

/**
 * Git takes changes of two neighbouring lines for a conflict, as constants in a row are. With a line between any two
 * they are none. What comes of it is measured like everything else.
 */
async function mergeNeighbours(base: string, ours: string, theirs: string): Promise<string | undefined> {
  if ([base, ours, theirs].some((text) => text.includes(between))) return undefined;
  const apart = (text: string) => text.replaceAll("\n", `\n${between}\n`);
  const merged = await mergeFile(apart(base), apart(ours), apart(theirs));
  return merged?.replaceAll(`\n${between}\n`, "\n");
}

const between = "\u0001";

async function mergeFile(base: string, ours: string, theirs: string): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "whet-merge-"));
  try {
    await Promise.all([
      writeFile(join(folder, "base"), base),
      writeFile(join(folder, "ours"), ours),
      writeFile(join(folder, "theirs"), theirs),
    ]);
    return await git(folder, ["merge-file", "-p", "--quiet", "ours", "base", "theirs"]);
  } catch (error) {
    // The exit code is the number of conflicts.
    if (error instanceof GitError) return undefined;
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
