import { mkdir, readdir, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { CacheGrant } from "../contract/index.ts";
import type { Mount } from "../sandbox/index.ts";
import { removeTree } from "./files.ts";

/**
 * States whose caches are kept: both arms of a race, and one more for the baseline of an audit. A cache can hold
 * gigabytes, and a night has hundreds of states.
 */
const keptStates = 3;

/**
 * The folders of the granted caches for one state, as mounts whose place the variable of each tool says. Unless a cache
 * is shared, each state has its own, so that no candidate leaves anything to another one.
 *
 * @param folder where all caches lie.
 * @param state content hash of the state that is measured.
 */
export async function cachesFor(
  grants: readonly CacheGrant[],
  folder: string,
  state: string,
): Promise<Mount[]> {
  if (grants.length === 0) return [];
  const own = join(folder, "states", state);
  const mounts: Mount[] = [];
  for (const { env, shared } of grants) {
    const host = shared ? join(folder, "shared", env) : join(own, env);
    await mkdir(host, { recursive: true });
    mounts.push({ host, at: { env }, writable: true, lasting: true });
  }
  if (grants.some(({ shared }) => !shared)) await forgetOldest(join(folder, "states"), own);
  return mounts;
}

async function forgetOldest(states: string, used: string): Promise<void> {
  const now = new Date();
  await utimes(used, now, now);
  const others = await Promise.all(
    (await readdir(states)).map(async (name) => {
      const path = join(states, name);
      return { path, at: path === used ? Number.POSITIVE_INFINITY : (await stat(path)).mtimeMs };
    }),
  );
  for (const { path } of others.sort((a, b) => b.at - a.at).slice(keptStates)) await removeTree(path);
}
