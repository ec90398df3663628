import { posix } from "node:path";
import { isWithin } from "../paths.ts";
import { follow } from "../toolchains/follow.ts";
import type { Toolchains } from "../toolchains/index.ts";

/**
 * The user's programs as mounts: real folders at their own place, the links that lead to them, and an empty file or
 * folder over what looks like a secret. What was there a moment ago and is gone is left out.
 *
 * @param empty host path of an empty file.
 * @param home where the run's home is.
 */
export function programs(shown: Toolchains, empty: string, home: string): string[] {
  const paths = outermost([...shown.paths, ...shown.environments]);
  const links = new Map(shown.links.filter(([at]) => !paths.some((path) => isWithin(at, path))));
  return [
    ...paths.flatMap((path) => ["--ro-bind-try", path, path]),
    ...[...links].flatMap(([at, target]) => ["--symlink", target, at]),
    ...shown.files.flatMap(([host, at]) => ["--ro-bind", host, at]),
    ...outermost(shown.covered.map(({ path }) => path)).flatMap((path) =>
      shown.covered.some((cover) => cover.path === path && cover.isFolder)
        ? ["--tmpfs", path, "--remount-ro", path]
        : ["--ro-bind", empty, path],
    ),
    ...shown.homeFiles.flatMap(([host, at]) => ["--ro-bind-try", host, posix.join(home, at)]),
  ];
}

/**
 * Where something that belongs at a path is to be mounted: its real place, where programs are shown by links that lead
 * there. Bubblewrap can mount neither at a link nor below one that says an absolute path.
 */
export function placeOf(path: string, { links, paths, environments }: Toolchains): string {
  const way = follow(path);
  const folders = [...paths, ...environments];
  const isLaid = (at: string) =>
    links.some(([each]) => each === at) || folders.some((folder) => isWithin(at, folder));
  return way?.links.some(([at]) => isLaid(at)) ? way.real : path;
}

/** Each path once, without those that lie below another. */
function outermost(paths: readonly string[]): string[] {
  const all = [...new Set(paths)].sort();
  return all.filter((path) => !all.some((other) => other !== path && isWithin(path, other)));
}
