import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, parse } from "node:path";
import type { Preset } from "./presets/preset.ts";
import { type Environment, homeOf } from "./presets/providers.ts";

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

/** How a program is started and what it needs to read, or what to do because it is missing. */
export type Located = { argv: string[]; version: string | null; readable: string[] } | { missing: string };

/** Finds a preset's program on the PATH; a command line is left to the shell, with whatever files it names. */
export function locate(program: Preset["program"], env: Environment): Located {
  if ("shell" in program) {
    const readable = namedFiles(program.shell, env).flatMap((path) => programFolder(path, env) ?? []);
    const begun = firstProgram(program.shell, env);
    return {
      argv: ["sh", "-c", begun?.shell ?? program.shell],
      version: begun?.version ?? null,
      readable: [...new Set(readable)],
    };
  }
  const found = findProgram(program.name, env);
  if (!found) return { missing: `${program.name} is not on your PATH: ${program.install}` };
  const folder = programFolder(found.path, env);
  return { argv: [found.path], version: found.version, readable: folder === null ? [] : [folder] };
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
  if (!found || programFolder(found.path, env) === null) return null;
  return { shell: `${before}'${found.path.replaceAll("'", "'\\''")}'${rest}`, version: found.version };
}

/**
 * The files that a command line names outside of what every command sees: the program of its first word, and whatever
 * else is given with its absolute path.
 */
function namedFiles(command: string, env: Environment): string[] {
  const words = command.split(/[\s"';|&<>()=]+/).filter((word) => word !== "");
  const program = begunWith.exec(command)?.[2];
  const files = words.filter((word) => word.startsWith("/") && existsSync(word));
  const found = program === undefined || program.includes("/") ? null : findProgram(program, env);
  return [...(found ? [found.path] : []), ...files];
}

/**
 * What has to be shown, read-only, for a program to run: the outermost node_modules folder that it lies in, else its own
 * folder, and of what lies in the home folder itself, or above it, the file alone. Null for the system's programs,
 * which every command sees.
 */
function programFolder(path: string, env: Environment): string | null {
  if (/^\/(usr|bin|sbin|lib|lib64|etc|dev|proc|sys)(\/|$)/.test(path)) return null;
  const inPackage = /^(.*?\/node_modules)\//.exec(path)?.[1];
  const folder = inPackage ?? (statSync(path).isDirectory() ? path : dirname(path));
  return `${homeOf(env)}/`.startsWith(`${folder === "/" ? "" : folder}/`) || dirname(folder) === "/"
    ? path
    : folder;
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
