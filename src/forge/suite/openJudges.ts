import { existsSync } from "node:fs";
import { join } from "node:path";
import { goalFiles, openJudges, openJudgesWords, scriptsIn } from "../../goals/index.ts";
import { openRepo, pathsAt, textsAt } from "../../repo/index.ts";
import type { Suite } from "./suite.ts";

/** What a person is told, before the first run, of the files that judge in a suite and that runs may change; null: none. */
export async function openJudgesOf({ goals, sealed }: Suite, root: string): Promise<string | null> {
  const repo = existsSync(join(root, ".git")) ? await openRepo(root) : null;
  const committed =
    repo === null
      ? { paths: [], scripts: {} }
      : {
          paths: await pathsAt(repo, repo.head),
          scripts: scriptsIn((await textsAt(repo, repo.head, ["package.json"]))["package.json"]),
        };
  const all = await Promise.all(
    [...goals, ...sealed].map(async ({ goal, folder }) => {
      if (goal.files.length === 0) return openJudges(goal, committed.paths, committed.scripts);
      const files = await goalFiles(folder, goal.files);
      return openJudges(goal, Object.keys(files), scriptsIn(files["package.json"]?.toString()));
    }),
  );
  return openJudgesWords([...new Set(all.flat())]);
}
