import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { gpuVariables } from "./gpu/index.ts";
import { overlaid } from "./overlay.ts";
import { type Launch, timed } from "./run.ts";
import type { Order } from "./sandbox.ts";
import { linkHome, withTemporaryFolder } from "./temporary.ts";
import { toolchains } from "./toolchains/index.ts";
import { commandArgv, contain, hasOwnProc, limitPrefix, processorPrefix, type Tools } from "./tools.ts";

/**
 * No installation needed: the command runs in place, with a built environment and its own session. Where the kernel
 * lets us, in a process namespace of its own, so that no daemon survives; the file system and network are the user's.
 */
export function launchL0(order: Order, tools: Tools): Launch {
  return withTemporaryFolder(order.tree, (temp) => launchIn(temp, order, tools));
}

function launchIn(temp: string, order: Order, tools: Tools): Omit<Launch, "cleanUp"> {
  const home = join(temp, "home");
  mkdirSync(home);
  const found = toolchains(order, []);
  for (const [host, at] of found.homeFiles) copyFileSync(host, join(home, at));
  const env: Record<string, string> = {
    PATH: wholePath(process.env.PATH ?? ""),
    HOME: home,
    TMPDIR: temp,
    LANG: "C.UTF-8",
    // The trees can be written here, and what Python caches beside the scorer would look like tampering.
    PYTHONDONTWRITEBYTECODE: "1",
    ...found.env,
    ...gpuVariables(order.gpus ?? [], false),
    ...order.env,
  };
  for (const { at, host } of order.mounts) if (typeof at !== "string" && "env" in at) env[at.env] = host;
  linkHome(order, home);
  const inner = [
    ...(tools.fewerRights ?? []),
    ...processorPrefix(order.limits, tools),
    ...limitPrefix(order.limits, tools),
    ...commandArgv(order.command),
  ];
  const cwd = join(order.tree, order.cwd);
  const contained = contain(inner, order.limits, tools);
  return {
    argv: contained
      ? ["setpriv", "--pdeathsig", "KILL", ...timed(overlaid(contained, order, cwd))]
      : timed(overlaid(inner, order, cwd)),
    env,
    cwd,
    contained: contained !== null,
    // With all of root's powers a run could mount another one over it.
    ownProc: contained !== null && hasOwnProc(tools) && tools.fewerRights !== null,
    inMemory: [],
  };
}

/** The user's PATH in its order, with Whetstone's own Node behind everything, for where there is no other. */
export function wholePath(path: string): string {
  return [...path.split(":"), dirname(process.execPath)]
    .filter((entry, index, all) => entry !== "" && all.indexOf(entry) === index)
    .join(":");
}
