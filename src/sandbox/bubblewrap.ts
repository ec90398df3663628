import { existsSync, lstatSync, readlinkSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, posix } from "node:path";
import { type Launch, timed } from "./run.ts";
import type { Mount, Order } from "./sandbox.ts";
import { temporaryFolder } from "./temporary.ts";
import { commandArgv, contain, isRoot, limitPrefix, type Tools } from "./tools.ts";

/** Where a command sees its tree at L2. */
export const treePlace = "/w";
const system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * A bubblewrap command line: fresh namespaces of every kind, a read-only file system that holds the tree and the
 * system's programs, private /tmp, no network unless granted, dying with its parent.
 *
 * Everything mounted lies below folders that the command cannot write: bubblewrap before 0.12 follows a link planted
 * at a mount point.
 */
export function launchBubblewrap(order: Order, tools: Tools, keepOut: readonly string[]): Launch {
  const temp = temporaryFolder(order.tree);
  const empty = join(temp, "empty");
  writeFileSync(empty, "");
  const { limits } = order;
  const env: Record<string, string> = { HOME: "/tmp", TMPDIR: "/tmp", LANG: "C.UTF-8", ...order.env };
  const args = [
    ...["--unshare-all", "--unshare-user", ...(limits.network ? ["--share-net"] : [])],
    ...["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "whetstone"],
    ...["--ro-bind", "/usr", "/usr", ...systemFolders()],
    ...etc(limits.network),
    ...["--proc", "/proc", ...kernelSettings()],
    ...["--dev", "/dev", "--size", "67108864", "--tmpfs", "/dev/shm", "--remount-ro", "/dev"],
    ...["--size", String(Math.max(2 ** 26, Math.min(limits.disk, 2 ** 30))), "--tmpfs", "/tmp"],
  ];
  const { mounts, path } = toolchains(keepOut);
  for (const [host, at] of mounts) args.push("--ro-bind", host, at);
  env.PATH = [...path, system].join(":");

  args.push(order.treeWritable ? "--bind" : "--ro-bind", order.tree, treePlace);
  for (const mount of order.mounts) {
    let at: string;
    if (typeof mount.at === "string") at = posix.join(treePlace, mount.at);
    else if ("path" in mount.at) at = mount.at.path;
    else {
      at = `/${mount.at.env.toLowerCase()}`;
      env[mount.at.env] = at;
    }
    args.push(mount.writable ? "--bind" : "--ro-bind", mount.host, at);
  }
  for (const cover of covers(order)) {
    const at = posix.join(treePlace, cover.path);
    if (cover.isFolder) args.push("--tmpfs", at, "--remount-ro", at);
    else args.push("--ro-bind", empty, at);
  }
  args.push("--remount-ro", "/", "--chdir", posix.join(treePlace, order.cwd), "--clearenv");
  for (const [name, value] of Object.entries(env)) args.push("--setenv", name, value);

  const inner = [...limitPrefix(limits, tools), ...commandArgv(order.command)];
  const bwrap = ["bwrap", ...args, "--", ...inner];
  // Bubblewrap has a namespace of its own; the outer one brings root the kernel's cap on its processes.
  const capped = isRoot ? (contain(bwrap, limits, tools) ?? bwrap) : bwrap;
  return {
    argv: ["setpriv", "--pdeathsig", "KILL", ...timed(capped)],
    // The launcher's own environment can be read in the sandbox (/proc/1/environ): it holds nothing but the path.
    env: { PATH: system },
    cwd: "/",
    contained: true,
    privateTemp: true,
    cleanUp: () => rmSync(temp, { recursive: true, force: true }),
  };
}

/** /bin and the like are links into /usr on most systems and folders on some. */
function systemFolders(): string[] {
  const args: string[] = [];
  for (const folder of ["/bin", "/sbin", "/lib", "/lib64", "/lib32"]) {
    const info = lstatSync(folder, { throwIfNoEntry: false });
    if (!info) continue;
    if (info.isSymbolicLink()) args.push("--symlink", readlinkSync(folder), folder);
    else args.push("--ro-bind", folder, folder);
  }
  return args;
}

/**
 * Root may write the kernel's settings in /proc by its number alone, without any capability, and core_pattern names a
 * command that the kernel runs outside: bubblewrap leaves them as they are when it finds them unwritable itself.
 */
function kernelSettings(): string[] {
  return ["sys", "sysrq-trigger", "fs", "acpi", "scsi", "mtrr"].flatMap((name) => [
    "--ro-bind-try",
    `/proc/${name}`,
    `/proc/${name}`,
  ]);
}

function etc(network: boolean): string[] {
  const names = ["ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "passwd", "group"];
  if (network) names.push("resolv.conf", "hosts", "nsswitch.conf", "ssl", "ca-certificates", "pki");
  return names.flatMap((name) => ["--ro-bind-try", `/etc/${name}`, `/etc/${name}`]);
}

interface Toolchains {
  /** Host folder and where it is shown. */
  mounts: [string, string][];
  path: string[];
}

const foundTools = new Map<string, Toolchains>();

function toolchains(keepOut: readonly string[]): Toolchains {
  const key = keepOut.join("\0");
  const known = foundTools.get(key) ?? findToolchains(keepOut);
  foundTools.set(key, known);
  return known;
}

/**
 * Programs outside /usr that the user's PATH names: their installation prefix where it is one (it holds `lib`),
 * otherwise just the folder. Never the home folder or ~/.local themselves, where secrets lie, nor anything that holds
 * the user's repository or lies in it.
 */
function findToolchains(keepOut: readonly string[]): Toolchains {
  const mounts = new Map<string, string>();
  const path: string[] = [];
  const node = realpathSync(process.execPath);
  if (!node.startsWith("/usr/")) {
    mounts.set(dirname(node), "/opt/whetstone-node");
    path.push("/opt/whetstone-node");
  }
  const home = homedir();
  const keptReal = keepOut.map((folder) => realpathSync(folder));
  const shows = (folder: string) => {
    const real = realpathSync(folder);
    return keptReal.some((kept) => `${kept}/`.startsWith(`${real}/`) || real.startsWith(`${kept}/`));
  };
  for (const entry of (process.env.PATH ?? "").split(":")) {
    if (!entry.startsWith("/") || entry.includes("/node_modules/") || !existsSync(entry)) continue;
    if (/^\/(usr|bin|sbin|lib)(\/|$)/.test(entry) || entry.startsWith("/tmp")) continue;
    const prefix = dirname(entry);
    const whole =
      prefix !== "/" && prefix !== home && basename(prefix) !== ".local" && existsSync(join(prefix, "lib"));
    const shims = basename(entry) === "shims" && existsSync(join(prefix, "versions"));
    const folder = (whole || shims) && !shows(prefix) ? prefix : entry;
    if (folder === "/" || folder === home || shows(folder)) continue;
    mounts.set(folder, folder);
    path.push(entry);
  }
  return { mounts: [...mounts], path };
}

/** Each once, and none below another: there is nothing left to be covered. */
function covers(order: Order): { path: string; isFolder: boolean }[] {
  const all = order.hidden.map((path) => coverFor(order, path)).filter((cover) => cover !== null);
  return all.filter(
    ({ path }, index) =>
      !all.some(
        (other, position) => path.startsWith(`${other.path}/`) || (path === other.path && position < index),
      ),
  );
}

/**
 * What to mount over so that a path cannot be seen; null when nothing is there.
 *
 * Below a mount (which a run may have written before) no link is followed: one that leads elsewhere would redirect the
 * cover to a place of its maker's choice, outside the sandbox even (bubblewrap before 0.12). There the folder that
 * holds the link is covered instead.
 */
function coverFor(order: Order, path: string): { path: string; isFolder: boolean } | null {
  const mount = mountOver(order, path);
  if (!mount) {
    const info = lstatSync(join(order.tree, path), { throwIfNoEntry: false });
    return info ? { path, isFolder: info.isDirectory() } : null;
  }
  const top = mount.at as string;
  const parts = posix
    .relative(top, path)
    .split("/")
    .filter((part) => part !== "");
  let isFolder = lstatSync(mount.host, { throwIfNoEntry: false })?.isDirectory() ?? false;
  for (let depth = 1; depth <= parts.length; depth++) {
    const info = lstatSync(join(mount.host, ...parts.slice(0, depth)), { throwIfNoEntry: false });
    if (!info) return null;
    if (info.isSymbolicLink()) return { path: posix.join(top, ...parts.slice(0, depth - 1)), isFolder: true };
    isFolder = info.isDirectory();
  }
  return { path, isFolder };
}

/** The innermost mount that shows a path of the tree, or null for the tree itself. */
function mountOver(order: Order, path: string): Mount | null {
  let best: Mount | null = null;
  for (const mount of order.mounts) {
    if (typeof mount.at !== "string") continue;
    if (path !== mount.at && !path.startsWith(`${mount.at}/`)) continue;
    if (!best || (best.at as string).length < mount.at.length) best = mount;
  }
  return best;
}
