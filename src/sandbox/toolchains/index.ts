import { realpathSync } from "node:fs";
import { homedir } from "node:os";
import { isWithin } from "../paths.ts";
import type { Order } from "../sandbox.ts";
import { type Found, findToolchains, type Surroundings } from "./find.ts";
import { follow } from "./follow.ts";
import { toolchainsOf } from "./ofOrder.ts";
import type { Shown } from "./showing.ts";
import { uvVariables } from "./uv.ts";
import { programWords } from "./words.ts";

/** What the sandbox shows of the user's programs to one order. */
export interface Toolchains extends Shown {
  /** Single files at another place than their own. */
  files: [host: string, at: string][];
  /** Environments among the order's inputs, shown at their own place as well. */
  environments: string[];
  path: string[];
  env: Record<string, string>;
  /** Files that are shown in the run's home: host path and path relative to the home. */
  homeFiles: [host: string, at: string][];
}

const foundOnce = new Map<string, { around: Surroundings; found: Found }>();
const foundOfOrders = new Map<string, Toolchains>();

/**
 * The user's programs for an order. What PATH names is looked for once in a process, and so is what each command with
 * its inputs needs.
 *
 * @param keepOut host folders of which nothing is shown but what an order names.
 */
export function toolchains(order: Order, keepOut: readonly string[]): Toolchains {
  const mounts = order.mounts.flatMap(({ host, at, writable }) => (writable ? [] : [[host, at]]));
  const may = { network: order.limits.network !== false, write: order.treeWritable === true };
  const key = JSON.stringify([process.env.PATH, homedir(), keepOut, order.command, mounts, may]);
  const known = foundOfOrders.get(key) ?? forOrder(order, surroundings(keepOut), may);
  // A lab has a handful of commands; a long session must not gather those of others.
  if (foundOfOrders.size > 100) foundOfOrders.clear();
  foundOfOrders.set(key, known);
  return known;
}

function forOrder(
  order: Order,
  { around, found }: { around: Surroundings; found: Found },
  may: { network: boolean; write: boolean },
): Toolchains {
  const own = toolchainsOf(order, found, around);
  const { paths, links, covered } = found.showing.shown;
  const usesUv = found.hasUv || programWords(order.command).some((word) => /(?:^|\/)uvx?$/.test(word));
  return {
    paths: [...paths, ...own.paths],
    links: [...links, ...own.links],
    covered: [...covered, ...own.covered],
    files: found.node ? [found.node] : [],
    environments: own.environments,
    path: found.path.filter((entry) => !found.withheld.has(entry) || isAmong(entry, own.environments)),
    env: { ...found.env, ...(usesUv ? uvVariables(around.home, around.user, may) : {}) },
    homeFiles: found.homeFiles,
  };
}

/** An activated environment of the repository: shown when it is an input. */
function isAmong(entry: string, environments: readonly string[]): boolean {
  const place = follow(entry)?.real;
  return place !== undefined && environments.some((environment) => isWithin(place, environment));
}

function surroundings(keepOut: readonly string[]): { around: Surroundings; found: Found } {
  const key = JSON.stringify([process.env.PATH, homedir(), keepOut]);
  const known = foundOnce.get(key);
  if (known) return known;
  const around: Surroundings = {
    home: real(homedir()),
    keepOut: keepOut.map(real),
    user: process.env,
    node: process.execPath,
  };
  const both = { around, found: findToolchains(around) };
  foundOnce.set(key, both);
  return both;
}

function real(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}
