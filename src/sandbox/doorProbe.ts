import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "../errors.ts";
import { openDoor } from "./door.ts";
import { type Door, isWalled, type Limits, type Sandbox } from "./sandbox.ts";

const tried = new WeakMap<Sandbox, Promise<void>>();

/**
 * Tries once whether this machine lets a sandboxed command have a door: Whetstone makes a network namespace of its own
 * and the sandbox is started inside of it, which takes more namespaces, one within the other, than a sandbox alone. It
 * costs the start of two processes, so that only labs with a model or a list of hosts ask.
 *
 * @throws UserError where it does not, with what forbids it and what to do.
 */
export function requireDoors(sandbox: Sandbox): Promise<void> {
  const known = tried.get(sandbox) ?? tryDoor(sandbox);
  tried.set(sandbox, known);
  return known;
}

async function tryDoor(sandbox: Sandbox): Promise<void> {
  if (!isWalled(sandbox.isolation.level)) return;
  let door: Door | null = null;
  const tree = mkdtempSync(join(tmpdir(), "whet-probe-"));
  try {
    door = await openDoor("L2", false);
    const outcome = await sandbox.start({
      ...{ command: ["echo", "entered"], tree, cwd: "", mounts: [], hidden: [], env: {}, limits, door },
    }).done;
    if (outcome.stdout.trim() !== "entered") throw new Error((outcome.stderr || outcome.message).trim());
  } catch (error) {
    const why = (error as Error).message.split("\n").at(-1);
    throw new UserError(
      `a run cannot be given a model or a list of hosts here, since its sandbox cannot be started in a network of its own: ${why}`,
      `${remedy(setting("kernel/apparmor_restrict_unprivileged_userns"), setting("user/max_user_namespaces"))}; or leave out \`model\` and the lists of hosts (\`network: true\` needs no such network); \`--isolation L0\` goes on without isolation`,
    );
  } finally {
    door?.close();
    rmSync(tree, { recursive: true, force: true });
  }
}

/**
 * What to do about it, by the kernel's settings.
 *
 * @param restricted AppArmor keeps programs without a profile from namespaces; null: the kernel has no such setting.
 * @param most user namespaces that this user may have at a time; null: not known.
 */
export function remedy(restricted: number | null, most: number | null): string {
  if (most !== null && most < 64)
    return `this user may have ${most} user namespaces at a time (/proc/sys/user/max_user_namespaces): raise it, \`sudo sysctl user.max_user_namespaces=10000\``;
  if (restricted === 1)
    return "AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1): allow them to bwrap and to node by a profile with `userns,`, or `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`";
  return "let user namespaces be made within one another (a container may need `--security-opt seccomp=unconfined` or `--privileged`)";
}

function setting(name: string): number | null {
  try {
    return Number(readFileSync(`/proc/sys/${name}`, "utf8"));
  } catch {
    return null;
  }
}

const limits: Limits = {
  time: 20_000,
  memory: 2 ** 28,
  processes: 32,
  fileSize: 2 ** 20,
  disk: 2 ** 24,
  output: 2 ** 16,
  network: false,
};
