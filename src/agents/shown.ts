import { existsSync, lstatSync, realpathSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { isWalled, keptPaths, looksSecret, type Sandbox } from "../sandbox/index.ts";
import { type Environment, homeOf } from "./presets/providers.ts";

/** What limits the files that may be shown to an agent for its program. */
export interface View {
  /** Real paths of the folders of which nothing is shown: the repository, its git folder, Whetstone's own. */
  keptOut: readonly string[];
  /** The agent's working copy: what it holds of the repository is pinned and not private. */
  tree: string;
  /** Host paths that links in the working copy lead to; they are shown in any case. */
  linked: readonly string[];
}

/** What limits an agent of this sandbox; null: it sees the machine's files anyway. */
export function viewOf(
  sandbox: Sandbox,
  { folder, linked = [] }: { folder: string; linked?: readonly string[] },
): View | null {
  if (!isWalled(sandbox.isolation.level)) return null;
  return { keptOut: keptPaths(sandbox.keptOut), tree: folder, linked };
}

/**
 * Why a file must not be shown, and what to do; null: it may be. Of a kept-out folder only a file that the working copy
 * has as well may be: that is pinned, and not private.
 */
export function refusal(path: string, view: View | null): string | null {
  const file = realpathSync(path);
  if (view === null || isSystem(file) || view.linked.some((folder) => isWithin(file, folder))) return null;
  const within = view.keptOut.filter((kept) => isWithin(file, kept));
  if (within.every((kept) => isPinned(file, kept, view.tree))) return null;
  return `${path} is not shown to an agent: it lies in ${within[0]}, and is private there, or not committed; keep the program outside of the repository, or commit it and start it by its path in the working copy`;
}

/**
 * What has to be shown, read-only, for a program to run: the outermost node_modules folder that it lies in, else its own
 * folder; the file alone where that folder would show more than the program's: what is kept out, what by its name holds
 * keys, the home folder, the folder of the user's programs or scripts in it. Nothing for the system's programs, which
 * every command sees.
 */
export function shownFor(path: string, env: Environment, view: View | null): string[] {
  if (isSystem(path)) return [];
  const inPackage = /^(.*?\/node_modules)\//.exec(path)?.[1];
  const folder = inPackage ?? dirname(path);
  return [isOpen(folder, inPackage !== undefined, env, view) ? folder : path];
}

function isOpen(folder: string, isPackage: boolean, env: Environment, view: View | null): boolean {
  const place = realpathSync(folder);
  const home = realOf(homeOf(env));
  if (dirname(place) === "/" || isWithin(home, place) || looksSecret(place)) return false;
  if (view?.keptOut.some((kept) => isWithin(place, kept) || isWithin(kept, place))) return false;
  // A program that was installed into a folder of its own is found through a link that stands elsewhere.
  const isListed = (env.PATH ?? "").split(":").some((each) => realOf(each) === place);
  return isPackage || !isWithin(place, home) || (isInstalled(place, home) && !isListed);
}

/** Where installers put programs of the user's, rather than the user's own files. */
function isInstalled(place: string, home: string): boolean {
  return relative(home, place).startsWith(".");
}

function isPinned(file: string, kept: string, tree: string): boolean {
  const path = relative(kept, file);
  if (!existsSync(join(kept, ".git")) || /(^|\/)\.(git|whetstone)(\/|$)/.test(path)) return false;
  return lstatSync(join(tree, path), { throwIfNoEntry: false })?.isFile() === true;
}

export function isSystem(path: string): boolean {
  return /^\/(usr|bin|sbin|lib|lib64|etc|dev|proc|sys)(\/|$)/.test(path);
}

/** Whether this is, or a link leads to, a file. */
export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

function realOf(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}
