import { createHash } from "node:crypto";
import { lstat, readFile } from "node:fs/promises";
import { manifest, manifestHash } from "../repo/index.ts";
import { hostPath, type Place } from "./place.ts";

/**
 * What tells hidden data from other: the content of its private paths, whatever they are called and whoever reads them;
 * where there are none, the scorer's command.
 */
export async function dataHash(
  split: { score: string; private: readonly string[] },
  place: Place,
): Promise<string> {
  const contents = await Promise.all(split.private.map((path) => contentOf(place, path)));
  const data = contents.length > 0 ? contents.toSorted() : [split.score];
  return createHash("sha256").update(JSON.stringify(data)).digest("hex");
}

/** Hash of what lies at a path of the lab, in the base or in an input. */
async function contentOf(place: Place, path: string): Promise<string> {
  const host = hostPath(place, path);
  if ((await lstat(host)).isDirectory()) return manifestHash(await manifest(host));
  return createHash("sha256")
    .update(await readFile(host))
    .digest("hex");
}
