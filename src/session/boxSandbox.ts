import { join } from "node:path";
import { UserError } from "../errors.ts";
import { type LabFolder, makeWhetstoneFolder, whetstoneFolder } from "../lab/index.ts";
import { foldersOf, openRepo } from "../repo/index.ts";
import { openSandbox, type Sandbox } from "../sandbox/index.ts";

/**
 * The sandbox for an agent that is to drive a lab. It shows nothing of the repository and of Whetstone's own folders but
 * what is named.
 *
 * @throws UserError when this machine has no sandbox that keeps an agent in.
 */
export async function boxSandbox({ folder }: LabFolder): Promise<Sandbox> {
  const keepOut = foldersOf(await openRepo(folder));
  await makeWhetstoneFolder(folder);
  const sandbox = await openSandbox({
    keepOut,
    memo: join(whetstoneFolder(folder), "sandbox.json"),
  });
  const { level, evidence } = sandbox.isolation;
  if (level !== "L2")
    throw new UserError(
      `a sandboxed agent needs isolation L2, and this machine offers ${level}: ${evidence.join("; ")}`,
      "install bubblewrap (apt install bubblewrap)\nor leave `--sandboxed` out: then the agent has your rights, and the grade says so",
    );
  return sandbox;
}
