import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { hashOf } from "../base/index.ts";
import type { Contract, Problem, Program } from "../contract/index.ts";
import { ContractError, UserError } from "../errors.ts";
import { readNote, writeNote } from "../seal.ts";
import { outOfWorkspace } from "./drivenNote.ts";
import { whetstoneFolder } from "./folder.ts";

/** A lab folder with its checked contract. */
export interface LabFolder {
  folder: string;
  /** Folder name, for titles. */
  name: string;
  programFile: string;
  program: Program;
  contract: Contract;
  /** Warnings only: a contract with errors is not read. */
  problems: Problem[];
}

/** Where a lab is that was probably meant. */
async function nearbyLab(folder: string, name: string): Promise<string> {
  for (let above = dirname(folder); ; above = dirname(above)) {
    if (existsSync(join(above, name))) return `there is one in ${above}: go there, or name the folder`;
    if (above === dirname(above) || existsSync(join(above, ".git"))) break;
  }
  const below = (await readdir(join(folder, "labs")).catch(() => [])).filter((entry) =>
    existsSync(join(folder, "labs", entry, name)),
  );
  return below.length > 0
    ? `name a lab: ${below.map((entry) => `labs/${entry}`).join(", ")}`
    : "write one with `whet init`";
}

/** What to say where a lab is wanted and none is: the folder is not there, or has no `program.md`. Null: there is one. */
export async function labMissing(folder: string): Promise<UserError | null> {
  const path = resolve(folder);
  if (!existsSync(path)) return noFolder(path);
  if (existsSync(join(path, programName))) return null;
  const fix = await nearbyLab(path, programName);
  return new UserError(`there is no lab in ${path}`, fix.replace(/^write one with/, "begin with"));
}

function noFolder(path: string): UserError {
  return new UserError(`there is no folder ${path}`, "name the folder of a lab");
}

export const programName = "program.md";

/**
 * Reads and checks a lab's `program.md`.
 *
 * @param path the lab folder, a folder in its workspace, or the contract file itself (a lab may have a second, shorter
 * contract).
 * @param options.swift take what an earlier process read, if the file and this program are the same.
 * @throws UserError with every problem as `file:line:column: what. Write: fix`.
 */
export async function readLab(path: string, options: { swift?: boolean } = {}): Promise<LabFolder> {
  const given = outOfWorkspace(path);
  const isFile = given.endsWith(".md");
  const folder = isFile ? resolve(given, "..") : given;
  const programFile = isFile ? given : join(given, programName);
  const text = await readFile(programFile, "utf8").catch(async (error: NodeJS.ErrnoException) => {
    if (!existsSync(folder)) throw noFolder(folder);
    if (error.code === "ENOENT" || error.code === "ENOTDIR")
      throw new UserError(
        `there is no ${basename(programFile)} in ${folder}`,
        await nearbyLab(folder, basename(programFile)),
      );
    throw new UserError(`${programFile} cannot be read: ${error.message}`);
  });
  const memo = options.swift ? join(whetstoneFolder(folder), "program.json") : null;
  const known = memo === null ? null : await recalled(memo, text);
  if (known)
    return { folder, name: basename(folder), programFile, ...known, contract: known.program.contract };
  const { formatProblem, parseProgram } = await import("../contract/index.ts");
  const { program, problems } = parseProgram(text, { file: basename(programFile) });
  const shown = shownPath(programFile);
  const errors = problems.filter((problem) => problem.severity === "error");
  if (!program || errors.length > 0)
    throw new UserError(errors.map((problem) => formatProblem(shown, problem)).join("\n"));
  if (memo !== null) await remember(memo, text, { program, problems });
  return {
    folder,
    name: basename(folder),
    programFile,
    program,
    contract: program.contract,
    problems,
  };
}

/**
 * What a session that begins now would store as its program's hash; null where no contract can be read. The contract is
 * not parsed.
 *
 * @param path the lab folder or a contract file.
 */
export async function programHashAt(path: string): Promise<string | null> {
  const text = await readFile(path.endsWith(".md") ? path : join(path, programName), "utf8").catch(
    () => null,
  );
  return text === null ? null : hashOf(text);
}

/** The error with file, line and column where it is about something that the contract names; any other as it is. */
export async function withPlace({ programFile }: LabFolder, error: unknown): Promise<unknown> {
  if (!(error instanceof ContractError)) return error;
  const { placeInProgram } = await import("../contract/index.ts");
  const { line, column } = placeInProgram(await readFile(programFile, "utf8"), error.at);
  return new UserError(`${shownPath(programFile)}:${line}:${column}: ${error.message}`, error.fix);
}

function shownPath(file: string): string {
  return file.startsWith(`${process.cwd()}/`) ? file.slice(process.cwd().length + 1) : file;
}

type Read = Pick<LabFolder, "program" | "problems">;

async function recalled(memo: string, text: string): Promise<Read | null> {
  const note = await readNote(memo);
  try {
    const { key, ...read } = JSON.parse(note ?? "{}") as Read & { key?: string };
    return key === keyOf(text) ? read : null;
  } catch {
    return null;
  }
}

/** Failing to write costs the next process its time, and nothing else. */
async function remember(memo: string, text: string, read: Read): Promise<void> {
  await writeNote(memo, JSON.stringify({ key: keyOf(text), ...read })).catch(() => {});
}

/** The text, and this very code: another version may read the same text differently. */
function keyOf(text: string): string {
  const { mtimeMs, ino, size } = statSync(new URL(import.meta.url));
  return createHash("sha256")
    .update(JSON.stringify([import.meta.url, mtimeMs, ino, size, text]))
    .digest("hex");
}
