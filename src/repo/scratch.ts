import { mkdir } from "node:fs/promises";
import { git } from "./git.ts";
import { pathFault } from "./harvest.ts";
import { openRepo, type Repo } from "./repo.ts";

/**
 * A repository of our own in an empty or new folder, with one commit of these files; for work that belongs to no
 * repository of the user's.
 *
 * @param files path -> bytes.
 * @param when milliseconds since the epoch.
 */
export async function scratchRepo(
  folder: string,
  files: Readonly<Record<string, Buffer>>,
  when: number,
): Promise<Repo> {
  await mkdir(folder, { recursive: true });
  await git(folder, ["init", "-q", "--initial-branch=start", "--template="]);
  const date = `${Math.floor(when / 1000)} +0000`;
  const who = `Whetstone <whetstone@localhost> ${date}`;
  const parts: (string | Buffer)[] = [
    `commit refs/heads/start\nauthor ${who}\ncommitter ${who}\ndata 6\nstart\n\n`,
  ];
  for (const [path, bytes] of Object.entries(files)) {
    const fault = pathFault(path);
    if (fault) throw new Error(`${JSON.stringify(path)} cannot be committed: ${fault}`);
    const name = path.replace(/["\\]/g, "\\$&");
    parts.push(`M 100644 inline "${name}"\ndata ${bytes.length}\n`, bytes, "\n");
  }
  const input = Buffer.concat([...parts, "\n"].map((part) => Buffer.from(part as string)));
  await git(folder, ["fast-import", "--quiet", "--force", "--date-format=raw"], { input });
  return openRepo(folder);
}
