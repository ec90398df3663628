import { existsSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";

export interface Toolchains {
  /** Host folder and where it is shown. */
  mounts: [string, string][];
  path: string[];
}

const foundTools = new Map<string, Toolchains>();

/** The same for every order of a process: looked for once. */
export function toolchains(keepOut: readonly string[]): Toolchains {
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
