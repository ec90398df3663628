import { existsSync, readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Pinned } from "./pin.ts";
import { kindOf } from "./survey.ts";

/** What every run sees at its own place. */
const system = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/proc", "/dev", "/etc"];

/** Whetstone itself, linked into a project's packages: no run calls it. */
const ofWhetstone = /(^|\/)(?:\.bin\/whet|whetstone(?:\/.*)?)$/;

/**
 * Links in inputs that lead to something on this machine that no run is shown: they lead nowhere in the sandbox. Programs
 * (links in a `bin` folder) are left out: their interpreters are found and shown on their own.
 *
 * @param root the repository's root.
 * @returns a sentence for each input that has such links.
 */
export function strayLinks(all: readonly Pinned[], root: string): string[] {
  const shown = [...all.map(({ host }) => host), root, ...system];
  const isShown = (path: string) => shown.some((place) => path === place || path.startsWith(`${place}/`));
  return all.flatMap(({ name, host, survey: { content } }) => {
    const stray: { path: string; to: string }[] = [];
    for (const [path, stamp] of content) {
      if (kindOf(stamp) !== "link" || basename(dirname(path)) === "bin" || ofWhetstone.test(path)) continue;
      const to = targetOf(join(host, path));
      if (to !== null && !isShown(to)) stray.push({ path, to });
    }
    const [first] = stray;
    if (!first) return [];
    const others = stray.length > 1 ? ` and ${stray.length - 1} more` : "";
    return [
      `${name} has links that lead out of it, to nothing that runs are shown: ${first.path} -> ${first.to}${others}; name the folder that holds both, or ${dirname(first.to)} as well, under \`inputs\``,
    ];
  });
}

/** Where a link ends on this machine; null where it ends nowhere here either. */
function targetOf(link: string): string | null {
  try {
    const to = resolve(dirname(link), readlinkSync(link));
    return existsSync(to) ? realpathSync(to) : null;
  } catch {
    return null;
  }
}
