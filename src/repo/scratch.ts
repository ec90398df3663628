import { mkdir } from "node:fs/promises";
import { git } from "./git.ts";
import { openRepo, type Repo } from "./repo.ts";

/**
 * A repository of our own in an empty or new folder, with one commit of these files; for work that belongs to no
 * repository of the user's.
 *
 * @param files path -> text.
 * @param when milliseconds since the epoch.
 */
export async function scratchRepo(
  folder: string,
  files: Readonly<Record<string, string>>,
  when: number,
): Promise<Repo> {
  await mkdir(folder, { recursive: true });
  await git(folder, ["init", "-q", "--initial-branch=start", "--template="]);
  const date = `${Math.floor(when / 1000)} +0000`;
  const who = `Whetstone <whetstone@localhost> ${date}`;
  const parts = [`commit refs/heads/start\nauthor ${who}\ncommitter ${who}\ndata 6\nstart\n\n`];
  for (const [path, text] of Object.entries(files))
    parts.push(
      `M 100644 inline "${path.replace(/["\\]/g, "\\$&")}"\ndata ${Buffer.byteLength(text)}\n${text}\n`,
    );
  await git(folder, ["fast-import", "--quiet", "--force", "--date-format=raw"], {
    input: `${parts.join("")}\n`,
  });
  return openRepo(folder);
}
