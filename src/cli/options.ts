import { type Command, InvalidArgumentError, Option } from "commander";
import { UserError } from "../errors.ts";

/** Turns what a command does into what commander calls; its number is the process's exit code, nothing means 0. */
export type Run = <Arguments extends unknown[]>(
  action: (...given: Arguments) => Promise<number | undefined>,
) => (...given: Arguments) => Promise<void>;

export const session = () => new Option("--tag <name>", "the session; default: the newest");
export const json = () => new Option("--json", "machine-readable output");

/** A command that tells something about one session. */
export function notebook(program: Command, name: string, description: string): Command {
  return program.command(name).description(description).addOption(session()).addOption(json());
}

export const isolation = () =>
  new Option("--isolation <level>", "best, L3 for the image of program.md, or L0 for no isolation");

/**
 * The level that `--isolation` asks for; empty where the best is to be taken, which it is by default. With an image the
 * best is L3.
 *
 * @param image the image that the contract names.
 * @throws UserError for a word that is no level, and for L3 without an image.
 */
export function levelOf(text: string | undefined, image: string | undefined): { level?: "L0" } {
  if (text === undefined || text === "best") return {};
  if (text === "L0") return { level: text };
  if (text !== "L3") throw new UserError(`--isolation is best, L3 or L0, not ${text}`);
  if (image === undefined)
    throw new UserError(
      "L3 needs an image, and program.md names none",
      "write `image: docker.io/library/python:3.12`, or another one that holds what the run needs",
    );
  return {};
}

/** The number of an experiment, given as an argument. @throws UserError */
export const experimentNumber = (text: string) =>
  numberOf("an experiment", text.replace(/^#/, ""), "`whet log` lists them");
export const goalNumber = (text: string) => numberOf("a goal", text, "`whet goal list` shows them");
export const ideaNumber = (text: string) => numberOf("an idea", text, "`whet ideas list` shows them");

function numberOf(what: string, text: string, where: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new UserError(`${what} has a number from 1, not "${text}"`, where);
  return value;
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw invalid(text, "a whole number from 1");
  return value;
}

export function wholeNumberOrZero(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw invalid(text, "a whole number");
  return value;
}

export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw invalid(text, "a number");
  return value;
}

function invalid(text: string, what: string): Error {
  return new InvalidArgumentError(`expected ${what}, not "${text}"`);
}
