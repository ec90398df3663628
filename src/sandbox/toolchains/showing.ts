import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from "node:fs";
import { posix } from "node:path";
import { isWithin } from "../paths.ts";
import { isSecretName } from "../secrets.ts";
import { follow } from "./follow.ts";
import { kindOfPrefix, type PrefixKind, shownParts } from "./prefix.ts";
import { venvHome } from "./words.ts";

/** What is shown of the host besides the system, all of it read-only. */
export interface Shown {
  /** Real paths, shown at their own place; none lies below another. */
  paths: string[];
  /** Links that lead to them: where each lies and what it says. */
  links: [at: string, target: string][];
  /** What lies below `paths` and looks like a secret: covered. */
  covered: { path: string; isFolder: boolean }[];
}

export interface Boundary {
  /** The user's home folder, which is never shown itself. */
  home: string;
  /** Real folders of which nothing is shown, unless it is named by an order. */
  keepOut: readonly string[];
}

/** Folders of the system, which are shown anyway. */
const systemPlaces = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"];
/** File systems of the kernel, and what is private to each run. */
const neverShown = ["/proc", "/sys", "/dev", "/etc", "/run/secrets"];
/** Stores whose packages refer to each other by path, and in which nothing secret may lie by their own rules. */
const stores = ["/nix/store", "/gnu/store"];
/** Folders that are looked through for secrets: how deep, and how many entries in all. */
const lookedThrough = { depth: 3, entries: 3000 };
const mostPaths = 400;

/** Bundles of public certificates look like keys by their name alone. */
const certificates = /^(?:ca-?cert|cert|ca-bundle|ca-certificates|roots|tls-ca-bundle).*\.pem$/i;

/** Collects what is to be shown, each time by following links to where things really lie. */
export class Showing {
  readonly #boundary: Boundary;
  readonly #paths = new Set<string>();
  readonly #links = new Map<string, string>();
  readonly #covered = new Map<string, boolean>();
  readonly #prefixes = new Set<string>();

  constructor(boundary: Boundary) {
    this.#boundary = boundary;
  }

  /** What was collected, without what lies below something else of it. */
  get shown(): Shown {
    const paths = [...this.#paths].filter(
      (path) => !isSystem(path) && ![...this.#paths].some((other) => other !== path && isWithin(path, other)),
    );
    const below = (path: string) => paths.some((each) => isWithin(path, each));
    return {
      paths: paths.sort(),
      links: [...this.#links].filter(([at]) => !isSystem(at) && !below(at) && !isNever(at)),
      covered: [...this.#covered].flatMap(([path, isFolder]) => (below(path) ? [{ path, isFolder }] : [])),
    };
  }

  /** Shows one file or folder with the links that lead to it. False when it may not be shown, or is not there. */
  show(path: string, deep = false): boolean {
    const found = follow(path);
    if (!found || !this.#mayShow(found.real) || this.#paths.size >= mostPaths) return false;
    for (const [at, target] of found.links) this.#links.set(at, target);
    const store = stores.find((each) => isWithin(found.real, each));
    if (store !== undefined || isSystem(found.real)) {
      if (store !== undefined) this.#paths.add(store);
      return true;
    }
    if (this.#paths.has(found.real)) return true;
    this.#paths.add(found.real);
    if (found.isFolder)
      this.#cover(found.real, deep ? lookedThrough.depth : 1, { left: lookedThrough.entries });
    return true;
  }

  /** Shows parts of a folder, those that are there. */
  showParts(folder: string, parts: readonly string[]): void {
    for (const part of parts) this.show(posix.join(folder, part));
  }

  /**
   * Shows a program with what it needs: of an installation (`PREFIX/bin/NAME`) its parts, of any other folder the file
   * alone. False when it may not be shown.
   */
  showProgram(path: string): boolean {
    const found = follow(path);
    if (!found) return false;
    if (!this.show(path)) return false;
    if (!isSystem(found.real)) this.showPrefixOf(posix.dirname(found.real));
    // By the way that it is named too: programs look for their libraries beside it.
    this.showPrefixOf(posix.dirname(path));
    return true;
  }

  /** Shows the parts of the installation to which a folder of programs belongs, where it is called `bin`. */
  showPrefixOf(folder: string): void {
    if (!/^s?bin$/.test(posix.basename(folder))) return;
    const prefix = follow(posix.dirname(folder))?.real;
    if (prefix === undefined || isSystem(prefix) || this.#prefixes.has(prefix)) return;
    this.#prefixes.add(prefix);
    if (prefix === "/" || prefix === this.#boundary.home || isWithin(this.#boundary.home, prefix)) return;
    const isLocal = prefix === posix.join(this.#boundary.home, ".local");
    const names = namesIn(prefix);
    const kind: PrefixKind = kindOfPrefix(names, namesIn(folder), namesIn(posix.join(prefix, "lib")));
    const parts = shownParts(kind, names, isLocal).filter((name) => !isSecretName(name));
    for (const part of parts) this.show(posix.join(prefix, part), kind === "other");
    if (names.includes("pyvenv.cfg")) this.showVenvBase(prefix);
  }

  /** Shows the interpreter from which a virtual environment was made. */
  showVenvBase(environment: string): void {
    const home = venvHome(startOf(posix.join(environment, "pyvenv.cfg")) ?? "");
    if (home !== null) this.showPrefixOf(follow(home)?.real ?? home);
    for (const name of namesIn(posix.join(environment, "bin")))
      if (/^(?:python|pypy)[\d.]*$/.test(name)) this.#showTarget(posix.join(environment, "bin", name));
  }

  /** Where the links of a folder lead out of it, what they lead to. */
  showTargets(folder: string): void {
    let count = 0;
    for (const name of linksIn(folder)) if (count++ < mostPaths) this.#showTarget(posix.join(folder, name));
  }

  #showTarget(link: string): void {
    // Most links of such a folder give a program beside them another name.
    if (!targetOf(link).includes("/")) return;
    const found = follow(link);
    if (!found || isSystem(found.real) || isWithin(found.real, posix.dirname(link))) return;
    if (found.isFolder) this.show(link);
    else this.showProgram(link);
  }

  #mayShow(real: string): boolean {
    const { home, keepOut } = this.#boundary;
    if (isSystem(real)) return true;
    if (real === "/" || isWithin(home, real) || isSecretName(posix.basename(real))) return false;
    if (isNever(real)) return false;
    return !keepOut.some((kept) => isWithin(real, kept) || isWithin(kept, real));
  }

  /** Covers what looks like a secret in a folder; links lead to what is shown by itself or not at all. */
  #cover(folder: string, depth: number, budget: { left: number }): void {
    for (const entry of entriesOf(folder)) {
      if (budget.left-- <= 0) return;
      const path = posix.join(folder, entry.name);
      if (entry.isSymbolicLink()) continue;
      if (isSecretName(entry.name) && !certificates.test(entry.name))
        this.#covered.set(path, entry.isDirectory());
      else if (entry.isDirectory() && depth > 1) this.#cover(path, depth - 1, budget);
    }
  }
}

/** Links of /etc/alternatives among them, which are shown with the rest of it. */
function isNever(path: string): boolean {
  return neverShown.some((each) => isWithin(path, each));
}

export function isSystem(path: string): boolean {
  return systemPlaces.some((place) => isWithin(path, place));
}

export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    // No link, but a program that is there itself.
    return "";
  }
}

function linksIn(folder: string): string[] {
  return entriesOf(folder)
    .filter((entry) => entry.isSymbolicLink())
    .map((entry) => entry.name);
}

/** The first 4 KiB of a file as text; null when it cannot be read. */
export function startOf(path: string): string | null {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const start = Buffer.alloc(4096);
    return start.subarray(0, readSync(file, start, 0, start.length, 0)).toString("latin1");
  } catch {
    return null;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

export function textOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
