import { spawnSync } from "node:child_process";
import { accessSync, constants, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, parse } from "node:path";
import type { Preset } from "./presets/preset.ts";
import type { Environment } from "./presets/providers.ts";
import { isFile, isSystem, isWithin, refusal, shownFor, type View } from "./shown.ts";

/** A program of the user's. */
interface Program {
  /** Its own file, links resolved. */
  path: string;
  /** What it says of itself in the package that it came in; null: it did not come in one. */
  version: string | null;
}

/** A program on the user's PATH; null: there is none of that name. */
export function findProgram(name: string, env: Environment): Program | null {
  for (const folder of (env.PATH ?? "").split(":")) {
    const path = join(folder, name);
    if (!folder.startsWith("/") || !isExecutable(path)) continue;
    const real = realpathSync(path);
    return { path: real, version: versionOf(real) };
  }
  return null;
}

/** How a program is started and what it needs to read, or what to do because it is missing or may not be shown. */
export type Located = { argv: string[]; version: string | null; readable: string[] } | { missing: string };

/** Finds a preset's program on the PATH; a command line is left to the shell, with whatever files it names. */
export function locate(program: Preset["program"], env: Environment, view: View | null): Located {
  if ("shell" in program) {
    const begun = firstProgram(program.shell, env);
    const shown = readableOf(namedPrograms(program.shell, env), namedFiles(program.shell), env, view);
    if ("missing" in shown) return shown;
    return {
      argv: ["sh", "-c", begun?.shell ?? program.shell],
      version: begun?.version ?? null,
      readable: shown.readable,
    };
  }
  const found = findProgram(program.name, env);
  if (!found) return { missing: `${program.name} is not on your PATH: ${program.install}` };
  const shown = readableOf([found.path], [], env, view);
  return "missing" in shown
    ? shown
    : { argv: [found.path], version: found.version, readable: shown.readable };
}

/** What sets variables for a command, its program, and the rest. */
const begunWith = /^(\s*(?:\w+=\S*\s+)*)(\S+)(.*)$/s;

/** The name of the program that a command line begins with, "" where there is none. */
export function programOf(shell: string): string {
  return begunWith.exec(shell)?.[2]?.split("/").at(-1) ?? "";
}

/**
 * The word that a command line begins with, if that is the bare name of a program and the shell knows none of that name;
 * null: nothing is known to be missing. A path may lead into the working copy, which is not there yet.
 */
export function lacking(shell: string, env: Environment): string | null {
  const word = begunWith.exec(shell)?.[2] ?? "";
  if (!/^\w[\w.+-]*$/.test(word)) return null;
  // The sandbox's PATH may lead to system folders that the user's does not.
  const PATH = `${env.PATH ?? ""}:/usr/local/bin:/usr/bin:/bin`;
  const { status, error } = spawnSync("/bin/sh", ["-c", 'command -v "$1"', "sh", word], { env: { PATH } });
  return error || status === 0 ? null : word;
}

/**
 * A command line with its program as a whole path, where that is a program of the user's: the sandbox's PATH does not
 * lead to every folder that the user's leads to.
 */
function firstProgram(shell: string, env: Environment): { shell: string; version: string | null } | null {
  const [, before = "", word = "", rest = ""] = begunWith.exec(shell) ?? [];
  const found = /^[\w.+-]+$/.test(word) ? findProgram(word, env) : null;
  if (!found || isSystem(found.path)) return null;
  return { shell: `${before}'${found.path.replaceAll("'", "'\\''")}'${rest}`, version: found.version };
}

/** Programs that run the script which their first argument names. */
const interpreter = /^(?:node|bun|deno|tsx|python[\d.]*|ruby|perl|php|sh|bash|dash|zsh)$/;

/** The program that a command line begins with, and the script that it runs, where they are files with a whole path. */
function namedPrograms(command: string, env: Environment): string[] {
  const word = begunWith.exec(command)?.[2] ?? "";
  if (word.startsWith("/")) return isFile(word) ? [word] : [];
  const found = word.includes("/") ? null : findProgram(word, env);
  const script = interpreter.test(word) ? namedFiles(command)[0] : undefined;
  return [...(found ? [found.path] : []), ...(script === undefined ? [] : [script])];
}

/** The files that a command line names by their whole path. A folder is none: what it holds was not asked for. */
function namedFiles(command: string): string[] {
  const words = command.match(/"[^"]*"|'[^']*'|[^\s"';|&<>()=]+/g) ?? [];
  return words
    .map((word) => word.replace(/^["']|["']$/g, ""))
    .filter((word) => word.startsWith("/") && isFile(word));
}

function readableOf(
  programs: readonly string[],
  files: readonly string[],
  env: Environment,
  view: View | null,
): { readable: string[] } | { missing: string } {
  const named = [...programs, ...files];
  const refused = named.map((path) => refusal(path, view)).find((why) => why !== null);
  if (refused !== undefined) return { missing: refused };
  const shown = [
    ...programs.flatMap((path) => shownFor(path, env, view)),
    ...files.filter((path) => !isSystem(path)),
  ];
  // What lies in a folder that is shown is shown with it.
  const outermost = shown.filter((path) => !shown.some((other) => other !== path && isWithin(path, other)));
  return { readable: [...new Set(outermost)] };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The version in the nearest package.json that has one. */
function versionOf(path: string): string | null {
  for (let folder = dirname(path); folder !== parse(folder).root; folder = dirname(folder)) {
    try {
      const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
        version?: unknown;
      };
      if (typeof version === "string") return version;
    } catch {
      // None here, or none that can be read: the next one up.
    }
    if (folder.endsWith("/node_modules")) return null;
  }
  return null;
}
