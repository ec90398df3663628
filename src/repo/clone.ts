import { git } from "./git.ts";
import { openRepo, type Repo } from "./repo.ts";

/**
 * A copy of a repository with a history and branches of its own and no files laid out, to be thrown away. Nothing is
 * shared with the original on disk: files that are hard-linked could be changed through their other name.
 *
 * @param folder must not exist.
 */
export async function cloneRepo(from: string, folder: string): Promise<Repo> {
  const how = ["--quiet", "--no-hardlinks", "--no-checkout", "--template="];
  // Git is told to take no protocol from anybody; here we ask for it ourselves.
  await git(from, ["clone", ...how, "--", from, folder], { env: { GIT_ALLOW_PROTOCOL: "file" } });
  return openRepo(folder);
}
