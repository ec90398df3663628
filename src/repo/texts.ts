import { blobContents, parseTree } from "./base.ts";
import { git } from "./git.ts";
import type { Repo } from "./repo.ts";

/** These files as a commit holds them: path relative to the root -> text, null where there is no regular file. */
export async function textsAt(
  repo: Repo,
  commit: string,
  paths: readonly string[],
): Promise<Record<string, string | null>> {
  const texts = Object.create(null) as Record<string, string | null>;
  for (const path of paths) texts[path] = null;
  // So many arguments hold on every system.
  for (let start = 0; start < paths.length; start += 200) {
    const some = paths.slice(start, start + 200);
    const entries = parseTree(
      await git(repo.root, ["ls-tree", "-z", "--full-tree", commit, "--", ...some]),
    ).filter(({ mode }) => mode === "100644" || mode === "100755");
    let next = 0;
    for await (const content of blobContents(repo, entries))
      texts[entries[next++]?.path as string] = content.toString();
  }
  return texts;
}
