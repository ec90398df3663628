import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Contract, Problem, Program } from "../contract/index.ts";
import { UserError } from "../errors.ts";
import { outOfWorkspace } from "../notebook/index.ts";

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

export const programName = "program.md";

/**
 * Reads and checks a lab's `program.md`.
 *
 * @param path the lab folder, a folder in its workspace, or the contract file itself (a lab may have a second, shorter
 * contract).
 * @throws UserError with every problem as `file:line:column: what. Write: fix`.
 */
export async function readLab(path: string): Promise<LabFolder> {
  const given = outOfWorkspace(path);
  const isFile = given.endsWith(".md");
  const folder = isFile ? resolve(given, "..") : given;
  const programFile = isFile ? given : join(given, programName);
  const text = await readFile(programFile, "utf8").catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR")
      throw new UserError(
        `there is no ${basename(programFile)} in ${folder}`,
        await nearbyLab(folder, basename(programFile)),
      );
    throw new UserError(`${programFile} cannot be read: ${error.message}`);
  });
  const { formatProblem, parseProgram } = await import("../contract/index.ts");
  const { program, problems } = parseProgram(text, { file: basename(programFile) });
  const shown = programFile.startsWith(`${process.cwd()}/`)
    ? programFile.slice(process.cwd().length + 1)
    : programFile;
  const errors = problems.filter((problem) => problem.severity === "error");
  if (!program || errors.length > 0)
    throw new UserError(errors.map((problem) => formatProblem(shown, problem)).join("\n"));
  return {
    folder,
    name: basename(folder),
    programFile,
    program,
    contract: program.contract,
    problems,
  };
}
