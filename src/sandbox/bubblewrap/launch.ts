import { writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import { entering } from "../door.ts";
import { gpuArguments, gpuVariables } from "../gpu/index.ts";
import { overlaid } from "../overlay.ts";
import { firstHanded, type Launch, timed } from "../run.ts";
import type { Order } from "../sandbox.ts";
import { seccompFilter } from "../seccomp/filter.ts";
import { withTemporaryFolder } from "../temporary.ts";
import { hasOwnTerminal } from "../terminal.ts";
import { toolchains } from "../toolchains/index.ts";
import {
  type Bubblewrap,
  commandArgv,
  contain,
  isRoot,
  limitPrefix,
  processorPrefix,
  type Tools,
} from "../tools.ts";
import { covers, coversWithin } from "./covers.ts";
import { etc } from "./etc.ts";
import { keptOut, withCovers } from "./keptOut.ts";
import { placeOf, programs } from "./programs.ts";
import { kernelSettings, machineFacts, systemFolders } from "./system.ts";

/** Where a command sees its tree at L2. */
export const treePlace = "/w";
/** The home folder of a command at L2: its own, empty, writable, gone with it. */
export const homePlace = "/whetstone/home";
const system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * A bubblewrap command line: fresh namespaces of every kind, a read-only file system that holds the tree and the
 * system's programs, private /tmp, no network unless granted, dying with its parent.
 *
 * Everything mounted lies below folders that the command cannot write: bubblewrap before 0.12 follows a link planted
 * at a mount point.
 */
export function launchBubblewrap(order: Order, tools: Tools, keepOut: readonly string[]): Launch {
  return withTemporaryFolder(order.tree, (temp) => launchIn(temp, order, tools, keepOut));
}

function launchIn(
  temp: string,
  order: Order,
  tools: Tools,
  keepOut: readonly string[],
): Omit<Launch, "cleanUp"> {
  const { limits } = order;
  const found = toolchains(order, keepOut);
  const empty = join(temp, "empty");
  writeFileSync(empty, "");
  const shown = mountsOf(order, empty, (path) => placeOf(path, found));
  const temporarySize = String(Math.max(2 ** 26, Math.min(limits.disk, 2 ** 30)));
  const env: Record<string, string> = {
    HOME: homePlace,
    TMPDIR: "/tmp",
    LANG: "C.UTF-8",
    ...found.env,
    ...gpuVariables(order.gpus ?? [], true),
    ...order.env,
    ...shown.env,
    PATH: found.path.join(":"),
  };
  const mounted = [
    ...["--ro-bind", "/usr", "/usr", ...systemFolders()],
    ...etc(temp, limits.network === true, homePlace),
    ...["--proc", "/proc", ...kernelSettings(), ...machineFacts()],
    ...devices(order),
    ...["--size", temporarySize, "--tmpfs", "/tmp", "--symlink", "/tmp", "/var/tmp"],
    ...["--size", temporarySize, "--tmpfs", homePlace],
    ...programs(found, empty, homePlace),
    ...[order.treeWritable || order.overlay ? "--bind" : "--ro-bind", order.tree, treePlace],
    ...shown.args,
    ...covered(order, empty),
  ];
  const args = [
    ...namespaces(order, tools.bubblewrap),
    ...withCovers(mounted, keptOut(keepOut), empty),
    ...["--remount-ro", "/", "--chdir", posix.join(treePlace, order.cwd), "--clearenv"],
    ...Object.entries(env).flatMap(([name, value]) => ["--setenv", name, value]),
  ];
  const filter = tools.bubblewrap.filter
    ? seccompFilter({ apart: order.apart === true, pinned: limits.cpus !== undefined })
    : null;
  if (filter) args.unshift("--seccomp", String(firstHanded + 1));
  // Arguments can be read by everybody on the machine, and the environment may hold secrets: they go by a descriptor.
  const bwrap = [
    ...[...processorPrefix(limits, tools), "bwrap", "--args", String(firstHanded), "--"],
    ...[...limitPrefix(limits, tools), ...commandArgv(order.command)],
  ];
  // Bubblewrap has a namespace of its own; the outer one brings root the kernel's cap on its processes.
  const capped = isRoot ? (contain(bwrap, limits, tools) ?? bwrap) : bwrap;
  return {
    argv: [
      "setpriv",
      "--pdeathsig",
      "KILL",
      ...timed([...(order.door ? entering(order.door) : []), ...overlaid(capped, order, "/")]),
    ],
    // The launcher's own environment can be read in the sandbox (/proc/1/environ): it holds nothing but the path.
    env: { PATH: system },
    cwd: "/",
    handed: [args.map((word) => `${word}\0`).join(""), ...(filter ? [filter] : [])],
    contained: true,
    ownProc: true,
    inMemory: ["/tmp", "/dev/shm", homePlace],
  };
}

/** What an order's door leads to is a network that was made for it alone: it is entered before. */
function namespaces(order: Order, { noUserNamespaces }: Bubblewrap): string[] {
  const { limits, door } = order;
  const shared = limits.network === true || (door !== undefined && door.namespaces !== null);
  return [
    ...["--unshare-all", "--unshare-user", ...(shared ? ["--share-net"] : [])],
    // A namespace of its own would give a run its rights back, over file systems in memory and control groups.
    ...(noUserNamespaces ? ["--disable-userns"] : []),
    ...["--die-with-parent", "--cap-drop", "ALL", "--hostname", "whetstone"],
    // Without a session of its own it could type into the terminal that this process was started from.
    ...(hasOwnTerminal(order) ? [] : ["--new-session"]),
  ];
}

/** The few device nodes that every program needs, and shared memory as large as the budget, which it counts against. */
function devices({ limits, gpus = [] }: Order): string[] {
  const size = String(Math.max(2 ** 26, Math.floor(limits.memory)));
  return [
    "--dev",
    "/dev",
    ...gpuArguments(gpus),
    "--size",
    size,
    "--tmpfs",
    "/dev/shm",
    "--remount-ro",
    "/dev",
  ];
}

/** The order's own mounts, and the variables that say where they are. */
function mountsOf(
  order: Order,
  empty: string,
  placeFor: (path: string) => string,
): { args: string[]; env: Record<string, string> } {
  const args: string[] = [];
  const env: Record<string, string> = {};
  for (const mount of order.mounts) {
    let at: string;
    if (typeof mount.at === "string") at = posix.join(treePlace, mount.at);
    else if ("path" in mount.at) at = placeFor(mount.at.path);
    else if ("home" in mount.at) at = posix.join(homePlace, mount.at.home);
    else {
      at = `/${mount.at.env.toLowerCase()}`;
      env[mount.at.env] = at;
    }
    args.push(mount.writable ? "--bind" : "--ro-bind", mount.host, at);
    for (const { path, isFolder } of coversWithin(mount))
      args.push(...cover(path === "" ? at : posix.join(at, path), isFolder, empty));
  }
  return { args, env };
}

/** An empty folder or file over each path that the command must not see. */
function covered(order: Order, empty: string): string[] {
  return covers(order).flatMap(({ path, isFolder }) => cover(posix.join(treePlace, path), isFolder, empty));
}

function cover(at: string, isFolder: boolean, empty: string): string[] {
  return isFolder ? ["--tmpfs", at, "--remount-ro", at] : ["--ro-bind", empty, at];
}
