import type { Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join, posix, relative, resolve, sep } from "node:path";
import picomatch from "picomatch";
import { ContractError } from "../../errors.ts";

/** One file or folder that `inputs` names or a pattern of it matches. */
export interface Declared {
  /** As the contract has it. */
  input: string;
  /** The same, or for a pattern the path that it matched. */
  written: string;
  /** Its real place on the host, links followed. */
  host: string;
  /** Where runs see it: a path of the tree, or an absolute path of the host. */
  at: string | { path: string };
  /** Set for `~`: the path below the home folder. */
  home: string | null;
  isExcluded: (path: string) => boolean;
}

export interface Whose {
  /** The repository's root on the host, links followed. */
  root: string;
  /** The lab folder within it, "" for the root. */
  lab: string;
  /** The user's home folder. */
  home?: string;
  /** Whether git has a path of the tree: it is then no missing one, though a sparse checkout leaves it out. */
  isCommitted?: (at: string) => Promise<boolean>;
}

/** More matches than this are better named as a folder: each is a mount of its own. */
const mostMatches = 200;
/** Entries that are looked at for one pattern. */
const mostLooks = 200_000;

/**
 * What `inputs` of a contract names: relative paths from the lab folder, absolute ones and `~/...`, globs of all three,
 * and exclusions (`!data/tmp`), in the order in which they are written; matches of one pattern in order of their names.
 *
 * @throws ContractError when a path is missing, a pattern matches nothing, or a place cannot be shown.
 */
export async function declaredInputs(inputs: readonly string[], whose: Whose): Promise<Declared[]> {
  const excluding = inputs.filter((input) => input.startsWith("!"));
  const isOut = excluded(
    excluding.map((input) => input.slice(1)),
    whose,
  );
  const found = new Map<string, Declared>();
  for (const input of inputs) {
    if (input.startsWith("!")) continue;
    const paths = isPattern(input) ? await matches(input, whose, isOut) : [placeOnHost(input, whose)];
    for (const path of paths) {
      const declared = await one(input, path, whose, isOut);
      const key = typeof declared.at === "string" ? `tree ${declared.at}` : declared.at.path;
      if (!found.has(key)) found.set(key, declared);
    }
  }
  return withoutInner([...found.values()]);
}

function isPattern(input: string): boolean {
  return picomatch.scan(input).isGlob;
}

/** The absolute path that is meant, not yet looked at. */
function placeOnHost(input: string, { root, lab, home = homedir() }: Whose): string {
  if (input === "~" || input.startsWith("~/")) return join(home, input.slice(1));
  return isAbsolute(input) ? posix.normalize(input) : resolve(root, lab, input);
}

async function one(
  input: string,
  path: string,
  whose: Whose,
  isOut: (path: string) => boolean,
): Promise<Declared> {
  const { root, home = homedir() } = whose;
  const outside = /^[~/]/.test(input);
  const at = relative(root, path).split(sep).join("/");
  const found = await realpath(path).catch(() => null);
  const host = found ?? (!outside && (await whose.isCommitted?.(at)) ? path : null);
  if (host === null)
    throw new ContractError(["inputs", input], `the input ${input} does not exist`, missing(input, path));
  const forbidden = outside ? whyNot(path, host, root, home) : null;
  if (forbidden)
    throw new ContractError(["inputs", input], `the input ${input} ${forbidden.what}`, forbidden.fix);
  if (!outside && (at === ".." || at.startsWith("../")))
    throw new ContractError(
      ["inputs", input],
      `the input ${input} lies outside the repository`,
      `the absolute path: ${path}`,
    );
  return {
    input,
    written: isPattern(input) ? written(input, path, whose) : input.replace(/\/+$/, ""),
    host,
    at: outside ? { path } : at,
    home: input.startsWith("~") ? relative(home, path) : null,
    isExcluded: (inner) => isOut(join(path, inner)),
  };
}

function written(input: string, path: string, { root, lab, home = homedir() }: Whose): string {
  if (input.startsWith("~")) return join("~", relative(home, path));
  return isAbsolute(input) ? path : relative(join(root, lab), path);
}

function missing(input: string, path: string): string {
  const create = "create it, or take it out of `inputs` in program.md";
  if (input.startsWith("$")) return "the path itself: variables are not replaced here, `~` is";
  return `${create}${/^[~/]/.test(input) ? ` (it was looked for at ${path})` : ""}`;
}

/** Places that would open more than anybody means, or that a run has for itself. */
function whyNot(
  path: string,
  host: string,
  root: string,
  home: string,
): { what: string; fix: string } | null {
  const holds = (folder: string, inner: string) =>
    `${inner}/`.startsWith(folder === "/" ? "/" : `${folder}/`);
  if ([path, host].some((each) => holds(each, home)))
    return {
      what: "holds your whole home folder: keys and passwords lie in it",
      fix: "the folder in it that the run needs: ~/.cache/NAME",
    };
  if (holds(host, root))
    return {
      what: "holds the repository itself: every run would see its history and what is kept from it",
      fix: "the folder in it that the run needs",
    };
  if (holds(root, host))
    return {
      what: "lies in the repository",
      fix: "its path from the lab folder, so that it is shown in the tree",
    };
  const own = ["/proc", "/sys", "/dev", "/w", "/out", "/candidate", "/home/whetstone"].find((folder) =>
    holds(folder, path),
  );
  if (own) return { what: `lies in ${own}, which each run has for itself`, fix: "a copy of it elsewhere" };
  if (["/tmp", "/usr", "/etc", "/run", "/var/run"].includes(path))
    return { what: "is a folder of the system as a whole", fix: "the folder in it that the run needs" };
  return null;
}

/** What a pattern matches on disk, outermost paths only, in order of their names. */
async function matches(input: string, whose: Whose, isOut: (path: string) => boolean): Promise<string[]> {
  const { base, glob } = picomatch.scan(input);
  const from = placeOnHost(base === "" ? "." : base, whose);
  const matched = picomatch(glob, { dot: false });
  const found: string[] = [];
  let looks = 0;
  const visit = async (folder: string) => {
    const entries = await readdir(folder, { withFileTypes: true }).catch((): Dirent[] => []);
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (++looks > mostLooks) throw tooMany(input, `goes through more than ${mostLooks} files`, base);
      const path = join(folder, entry.name);
      if (isOut(path) || entry.name === ".git" || entry.name === ".whetstone") continue;
      if (matched(relative(from, path))) {
        found.push(path);
        if (found.length > mostMatches) throw tooMany(input, `matches more than ${mostMatches} paths`, base);
      } else if (entry.isDirectory()) await visit(path);
    }
  };
  if ((await stat(from).catch(() => null))?.isDirectory()) await visit(from);
  if (found.length === 0)
    throw new ContractError(
      ["inputs", input],
      `the input ${input} matches nothing below ${from}`,
      "a pattern that matches something (names that begin with a dot only match a pattern that does)",
    );
  return found;
}

function tooMany(input: string, what: string, base: string): ContractError {
  return new ContractError(
    ["inputs", input],
    `the input ${input} ${what}`,
    `the folder (${base === "" ? "." : base}), and what to leave out of it: "!${base === "" ? "" : `${base}/`}PATTERN"`,
  );
}

/** Whether an absolute path is excluded by one of the patterns, or lies in something that is. */
function excluded(patterns: readonly string[], whose: Whose): (path: string) => boolean {
  const all = patterns.map((pattern) => {
    const plain = pattern.replace(/\/+$/, "");
    if (!isPattern(plain)) {
      const path = placeOnHost(plain, whose);
      return (each: string) => each === path;
    }
    const { base, glob } = picomatch.scan(plain);
    const from = placeOnHost(base === "" ? "." : base, whose);
    const matched = picomatch(glob, { dot: true });
    return (each: string) => each.startsWith(`${from}/`) && matched(relative(from, each));
  });
  return (path) => all.some((each) => each(path));
}

/**
 * None that an outer one shows already. Where a path is a link in an outer input that leads out of it, its target is
 * shown at the target's own place: nothing can be mounted over a link.
 */
function withoutInner(all: readonly Declared[]): Declared[] {
  return all.flatMap((inner): Declared[] => {
    const { at } = inner;
    if (typeof at === "string") return [inner];
    const outer = all.find(
      (other) =>
        typeof other.at === "object" &&
        at.path.startsWith(`${other.at.path}/`) &&
        !other.isExcluded(relative(other.at.path, at.path)),
    );
    if (!outer) return [inner];
    if (inner.host.startsWith(`${outer.host}/`)) return [];
    return [{ ...inner, at: { path: inner.host }, home: null }];
  });
}

/**
 * The paths below a folder of the working tree that the base lacks, outermost only: of a folder of which git knows a
 * part, the rest is the input.
 *
 * @param at path of the folder, relative to both.
 * @param isThere whether the base has a path: as a file, as a folder, or not at all.
 */
export async function missingBelow(
  root: string,
  at: string,
  isThere: (path: string) => Promise<boolean>,
): Promise<string[]> {
  const found: string[] = [];
  for (const entry of (await readdir(join(root, at), { withFileTypes: true })).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    const path = posix.join(at, entry.name);
    if (entry.name === ".git" || entry.name === ".whetstone") continue;
    if (!(await isThere(path))) found.push(path);
    else if (entry.isDirectory()) found.push(...(await missingBelow(root, path, isThere)));
    if (found.length > mostMatches) break;
  }
  return found;
}
