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

/** Everything that is said in words leaves through here or through `complain`: nothing of it commands the terminal. */
export function print(text: string): void {
  const said = asTyped(colour ? paintedText(text) : printable(text));
  process.stdout.write(said.endsWith("\n") ? said : `${said}\n`);
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
  process.stdout.write(`${printableJson(JSON.stringify(value, null, 2))}\n`);
}

/** The same as one line: one of many documents. */
export function printJsonLine(value: unknown): void {
  process.stdout.write(`${printableJson(JSON.stringify(value))}\n`);
}

/** Something to be known beside the result, on standard error. */
export function complain(text: string): void {
  const said = asTyped(paintedText(text));
  process.stderr.write(said.endsWith("\n") ? said : `${said}\n`);
}

/** What happened and what to do, without a stack trace for a user's mistake. Returns the exit code. */
export function report(error: unknown): number {
  const paint = pc.createColors(process.stderr.isTTY === true && process.env.NO_COLOR === undefined);
  if (error instanceof UserError) {
    const ways = error.fix.split("\n").filter((way) => way !== "");
    complain(
      [
        `${paint.red("whet:")} ${printable(error.message)}`,
        ...ways.map((way) => `      ${paint.dim("→")} ${printable(way)}`),
        "",
      ].join("\n"),
    );
    return error instanceof RunFailed ? 1 : 2;
  }
  const code = (error as NodeJS.ErrnoException)?.code;
  if (
    code === "ENOSPC" ||
    code === "EROFS" ||
    code === "EACCES" ||
    code === "SQLITE_FULL" ||
    code === "SQLITE_READONLY" ||
    code?.startsWith("SQLITE_IOERR")
  ) {
    complain(
      `${paint.red("whet:")} ${printable((error as Error).message)}\n      ${paint.dim("→")} make room or make the folder writable; nothing that was recorded is lost, and \`whet run\` goes on\n`,
    );
    return 1;
  }
  if (code?.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB") {
    complain(
      `${paint.red("whet:")} the ledger is damaged: ${printable((error as Error).message)}\n      ${paint.dim("→")} \`whet doctor\` saves what can be read\n`,
    );
    return 1;
  }
  complain(
    `${paint.red("whet:")} an error that should not happen; please report it\n${printable((error instanceof Error ? error.stack : null) ?? String(error))}\n`,
  );
  return 1;
}
