import { existsSync, readFileSync, realpathSync } from "node:fs";
import { posix } from "node:path";
import { follow } from "./follow.ts";
import { goModules, installations, managed, userPackages } from "./managers.ts";
import { type Boundary, isSystem, namesIn, Showing } from "./showing.ts";
import { pythonsOfUv } from "./uv.ts";

/** The programs that the user's own shell finds, as a sandbox shows them. */
export interface Found {
  showing: Showing;
  /** PATH of a command, in the user's order. */
  path: string[];
  /** Folders of it that are shown only where an order names what holds them. */
  withheld: Set<string>;
  /** Variables by which version managers find their files. */
  env: Record<string, string>;
  /** Files of the user's home that are shown in the run's home too: host path and path relative to the home. */
  homeFiles: [host: string, at: string][];
  /** Whether uv is among the programs. */
  hasUv: boolean;
  /** Host path of the Node that runs Whetstone and where it is shown; null where the system's own is it. */
  node: [host: string, at: string] | null;
}

export interface Surroundings extends Boundary {
  /** The user's own environment. */
  user: Record<string, string | undefined>;
  /** The Node that runs Whetstone. */
  node: string;
}

/** Where Whetstone's own Node is shown when it lies outside the system. */
const nodePlace = "/whetstone/node";
const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".split(":");

/**
 * Goes through the user's PATH in its order. A folder of the system stays as it is; any other is shown as the folder
 * that it is, with the libraries of its installation, unless it is the home folder, holds what is kept out or lies in
 * it. Whetstone's own Node stands where the user's shell finds it, else behind everything.
 */
export function findToolchains(around: Surroundings): Found {
  const { home, user, keepOut } = around;
  const showing = new Showing({ home, keepOut });
  const found: Found = {
    showing,
    path: [],
    withheld: new Set(),
    env: {},
    homeFiles: [],
    hasUv: false,
    node: null,
  };
  const node = realpathSync(around.node);
  if (!isSystem(node)) found.node = [node, posix.join(nodePlace, "node")];
  const add = (entry: string) => {
    if (!found.path.includes(entry)) found.path.push(entry);
  };
  let hasGo = false;
  for (const entry of (user.PATH ?? "").split(":").map(withoutEnd)) {
    if (!entry.startsWith("/") || !existsSync(entry)) continue;
    // A project's own programs are part of its tree; a Node that npm has put there is Whetstone's.
    if (entry.includes("/node_modules/")) {
      if (found.node && follow(posix.join(entry, "node"))?.real === node) add(nodePlace);
      continue;
    }
    hasGo ||= existsSync(posix.join(entry, "go"));
    found.hasUv ||= existsSync(posix.join(entry, "uv"));
    if (!isSystem(entry) && !showEntry(entry, found, around)) found.withheld.add(entry);
    if (/^\/usr\/local\/s?bin$/.test(entry)) showing.showTargets(entry);
    add(entry);
  }
  for (const folder of systemPath) add(folder);
  if (found.node) add(nodePlace);
  if (hasGo) Object.assign(found.env, goModules(showing, home, user));
  if (found.hasUv) showing.show(pythonsOfUv(home, user));
  Object.assign(found.env, userPackages(showing, home, user), installations(showing, user));
  for (const folder of libraryFolders()) showing.show(folder);
  return found;
}

/** Shows a folder of PATH with what its programs need. False when it may not be shown. */
function showEntry(entry: string, found: Found, { home, user }: Surroundings): boolean {
  const { showing } = found;
  const isProgramFolder = /^s?bin$/.test(posix.basename(entry));
  if (!showing.show(entry, !isProgramFolder)) return false;
  showing.showPrefixOf(entry);
  const real = follow(entry)?.real;
  if (real !== undefined && real !== entry) showing.showPrefixOf(real);
  showing.showTargets(entry);
  const { env, before, homeFiles } = managed(entry, showing, home, user);
  Object.assign(found.env, env);
  for (const folder of before) if (showing.show(folder)) found.path.push(folder);
  for (const file of homeFiles)
    if (existsSync(posix.join(home, file))) found.homeFiles.push([posix.join(home, file), file]);
  return true;
}

/** Folders of libraries that the system's own loader looks into, besides the usual ones. */
function libraryFolders(): string[] {
  const folder = "/etc/ld.so.conf.d";
  const lines = namesIn(folder).flatMap((name) => {
    try {
      return readFileSync(posix.join(folder, name), "utf8").split("\n");
    } catch {
      return [];
    }
  });
  return lines.map((line) => line.trim()).filter((line) => /^\/[^#]+$/.test(line) && !isSystem(line));
}

function withoutEnd(entry: string): string {
  return entry.length > 1 ? entry.replace(/\/+$/, "") : entry;
}
