import pc from "picocolors";
import { RunFailed, UserError } from "../errors.ts";
import { paintedText, printable, printableJson } from "../printable.ts";

/** Colours and live drawing only for a person at a terminal. */
export const interactive = process.stdout.isTTY === true && process.env.TERM !== "dumb" && !process.env.CI;
export const colour = interactive && process.env.NO_COLOR === undefined;

export function width(): number {
  return process.stdout.columns ?? 100;
}

/** A file or a pipe has no width: what data says goes there uncut. */
export const whole = process.stdout.isTTY !== true;

let reader: "there" | "gone" = "there";

/** Nobody reads standard output any more: from now on nothing is written there. */
export function readerHasGone(): void {
  reader = "gone";
}

/** Whether somebody may still read standard output; what only shows something ends without a reader. */
export function hasReader(): boolean {
  return reader === "there";
}

/** Writes to standard output as long as somebody reads it. @returns false: wait for `drain` before more is written. */
export function write(text: string): boolean {
  return reader === "gone" || process.stdout.write(text);
}

/** Everything that is said in words leaves through here or through `complain`: nothing of it commands the terminal. */
export function print(text: string): void {
  const said = asTyped(colour ? paintedText(text) : printable(text));
  write(said.endsWith("\n") ? said : `${said}\n`);
}

/** Where a message names a command; a folder called `whet stone` is none. */
const commandInText =
  /(^ *|[`(]|: |→ )whet (?=(?:audit|check|context|diff|doctor|failures|finalize|forge|goal|ideas|init|learn|log|mcp|pause|replay|report|rescore|resume|review|run|sessions|show|skill|start|status|steer|trace|try)\b)/gm;

/** Commands in a message as the person who reads it must type them: where npx was needed, with npx. */
export function asTyped(text: string, env: NodeJS.ProcessEnv = process.env): string {
  if (env.npm_command !== "exec") return text;
  return text.replace(commandInText, "$1npx whet ");
}

/** Machine-readable output: one JSON document. */
export function printJson(value: unknown): void {
  write(`${printableJson(JSON.stringify(value, null, 2))}\n`);
}

/** The same as one line: one of many documents. */
export function printJsonLine(value: unknown): void {
  write(`${printableJson(JSON.stringify(value))}\n`);
}

/** Something to be known beside the result, on standard error. */
export function complain(text: string): void {
  const said = asTyped(paintedText(text));
  process.stderr.write(said.endsWith("\n") ? said : `${said}\n`);
}

/** An error as a person or a program is told of it. */
interface Told {
  message: string;
  /** What to do next, a way on each line; "" where the message says it all. */
  fix: string;
  /** The exit code. */
  code: number;
}

/**
 * What happened and what to do, without a stack trace for a user's mistake. Returns the exit code.
 *
 * @param json whether machine-readable output was asked for: then standard output gets the error as one line of JSON.
 */
export function report(error: unknown, json = false): number {
  const told = toldOf(error);
  if (json)
    printJsonLine({ error: { message: asTyped(told.message), fix: asTyped(told.fix), code: told.code } });
  const paint = pc.createColors(process.stderr.isTTY === true && process.env.NO_COLOR === undefined);
  const ways = told.fix.split("\n").filter((way) => way !== "");
  complain(
    [
      `${paint.red("whet:")} ${printable(told.message)}`,
      ...ways.map((way) => `      ${paint.dim("→")} ${printable(way)}`),
      "",
    ].join("\n"),
  );
  return told.code;
}

function toldOf(error: unknown): Told {
  if (error instanceof UserError)
    return { message: error.message, fix: error.fix, code: error instanceof RunFailed ? 1 : 2 };
  const code = (error as NodeJS.ErrnoException)?.code;
  if (
    code === "ENOSPC" ||
    code === "EROFS" ||
    code === "EACCES" ||
    code === "SQLITE_FULL" ||
    code === "SQLITE_READONLY" ||
    code?.startsWith("SQLITE_IOERR")
  )
    return {
      message: (error as Error).message,
      fix: "make room or make the folder writable; nothing that was recorded is lost, and `whet run` goes on",
      code: 1,
    };
  if (code?.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB")
    return {
      message: `the ledger is damaged: ${(error as Error).message}`,
      fix: "`whet doctor` saves what can be read",
      code: 1,
    };
  const stack = (error instanceof Error ? error.stack : null) ?? String(error);
  return { message: `an error that should not happen; please report it\n${stack}`, fix: "", code: 1 };
}
