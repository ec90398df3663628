import { uncommitted } from "../repo/index.ts";
import type { Goal } from "./goal.ts";

/**
 * What a person may not expect of the state that goals without `files` begin with, in a sentence; null: nothing.
 *
 * @param aside paths, relative to the project, that are no part of the work anyway.
 */
export async function surpriseOf(
  goals: readonly Pick<Goal, "files">[],
  project: string,
  aside: readonly string[] = [],
): Promise<string | null> {
  if (goals.every(({ files }) => files.length > 0)) return null;
  const dirty = await uncommitted(project);
  if (dirty === null)
    return `${project} is no git repository: what does not name its \`files\` begins with an empty folder`;
  const left = dirty
    .map(({ path }) => path)
    .filter((path) => !/(?:^|\/)(?:node_modules|\.whetstone)(?:\/|$)/.test(path) && !aside.includes(path));
  if (left.length === 0) return null;
  const named = `${left.slice(0, 5).join(", ")}${left.length > 5 ? ` and ${left.length - 5} more` : ""}`;
  return `not part of the work, since it is not committed: ${named}`;
}
