import { copyFileSync, mkdirSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { wholePath } from "./L0.ts";
import { type Launch, timed } from "./run.ts";
import type { Order } from "./sandbox.ts";
import { linkHome, withTemporaryFolder } from "./temporary.ts";
import { toolchains } from "./toolchains/index.ts";
import { commandArgv } from "./tools.ts";

/**
 * The `sandbox-exec` profile for an order: reads everywhere but in the home folder and other temporary folders, writes
 * only where the order says, network only if granted. Not yet run on a real macOS.
 */
export function macosProfile(paths: {
  readable: readonly string[];
  writable: readonly string[];
  hidden: readonly string[];
  home: string;
  network: boolean;
  /** Metal is reached through the user clients of the graphics drivers. */
  gpu: boolean;
  /** A port of loopback that may be connected to; null: none. */
  door: number | null;
}): string {
  const below = (path: string) => `(subpath ${JSON.stringify(path)})`;
  return [
    "(version 1)",
    "(deny default)",
    "(allow process-exec process-fork)",
    "(allow signal (target same-sandbox))",
    "(allow sysctl-read)",
    "(allow mach-lookup)",
    "(allow file-read*)",
    `(deny file-read* ${below(paths.home)} (subpath "/private/tmp") (subpath "/private/var/folders"))`,
    `(allow file-read* ${[...paths.readable, ...paths.writable].map(below).join(" ")})`,
    ...(paths.hidden.length > 0 ? [`(deny file-read* ${paths.hidden.map(below).join(" ")})`] : []),
    `(allow file-write* (literal "/dev/null") ${paths.writable.map(below).join(" ")})`,
    ...(paths.network ? ["(allow network*)"] : []),
    ...(paths.gpu ? ["(allow iokit-open)", "(allow iokit-get-properties)"] : []),
    ...(paths.door === null ? [] : [`(allow network-outbound (remote ip "localhost:${paths.door}"))`]),
  ].join("\n");
}

export function launchMacos(order: Order, keepOut: readonly string[]): Launch {
  return withTemporaryFolder(order.tree, (temp) => launchIn(realpathSync(temp), order, keepOut));
}

function launchIn(temp: string, order: Order, keepOut: readonly string[]): Omit<Launch, "cleanUp"> {
  mkdirSync(join(temp, "home"));
  const found = toolchains(order, keepOut);
  for (const [host, at] of found.homeFiles) copyFileSync(host, join(temp, "home", at));
  const env: Record<string, string> = {
    PATH: wholePath(process.env.PATH ?? "/usr/bin:/bin"),
    HOME: join(temp, "home"),
    TMPDIR: temp,
    LANG: "en_US.UTF-8",
    ...found.env,
    ...order.env,
  };
  for (const { at, host } of order.mounts) if (typeof at !== "string" && "env" in at) env[at.env] = host;
  linkHome(order, join(temp, "home"));
  const profile = macosProfile({
    readable: [
      order.tree,
      realpathSync(process.execPath),
      ...found.paths,
      ...found.environments,
      ...order.mounts.map((mount) => realpathSync(mount.host)),
    ],
    writable: [
      temp,
      ...(order.treeWritable ? [order.tree] : []),
      ...order.mounts.filter((mount) => mount.writable).map((mount) => realpathSync(mount.host)),
    ],
    hidden: [
      ...order.hidden.map((path) => join(order.tree, path)),
      ...order.mounts.flatMap(({ host, hidden = [] }) =>
        hidden.map((path) => join(realpathSync(host), path)),
      ),
      ...found.covered.map(({ path }) => path),
    ],
    home: homedir(),
    network: order.limits.network === true,
    gpu: (order.gpus ?? []).length > 0,
    door: order.door?.port ?? null,
  });
  return {
    argv: timed(["sandbox-exec", "-p", profile, ...commandArgv(order.command)]),
    env,
    cwd: join(order.tree, order.cwd),
    contained: false,
    ownProc: false,
    inMemory: [],
  };
}
