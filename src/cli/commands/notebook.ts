import { basename, join, resolve } from "node:path";
import { outOfWorkspace, readTrying, withoutFile } from "../../lab/index.ts";
import { failedRunsBeside, type Ledger, type SessionRow } from "../../ledger/index.ts";
import { notebookOf, outlookOf, rowOf, sessionLines, tableOf, withSession } from "../../notebook/index.ts";
import {
  besideText,
  contextText,
  diffLines,
  failuresText,
  logText,
  paints,
  sessionsText,
  showText,
  statusText,
} from "../../report/index.ts";
import { follow } from "../follow.ts";
import { colour, print, printJson, whole, width } from "../output.ts";

export interface Options {
  json?: boolean;
  tag?: string;
}

interface StatusOptions extends Options {
  /** Go on with what happens, until nobody works on the session any more. */
  follow?: boolean;
}

/** Screens need the newest experiments and every keep; the rest stays in the ledger. */
const screen = 200;

/** The lab's folder; a contract file stands for the folder that it lies in, and a workspace for its lab. */
export function labFolder(lab: string | undefined): string {
  return withoutFile(outOfWorkspace(lab ?? "."));
}

/**
 * Hands over the session that is meant: the named one; from within a workspace the one that it belongs to; else the one
 * that the contract of now leads to.
 */
export async function inSession<Result>(
  lab: string | undefined,
  tag: string | undefined,
  read: (ledger: Ledger, row: SessionRow) => Promise<Result>,
): Promise<Result> {
  const contract = outOfWorkspace(lab ?? ".");
  const isInWorkspace = withoutFile(contract) !== withoutFile(resolve(lab ?? "."));
  const driven = tag === undefined && isInWorkspace ? await readTrying(withoutFile(contract)) : null;
  return withSession(contract, tag ?? driven?.tag, read);
}

const page = () => ({ colour, width: width(), whole });

export async function statusCommand(lab: string | undefined, options: StatusOptions): Promise<number> {
  const folder = labFolder(lab);
  return inSession(lab, options.tag, async (ledger, row) => {
    const notebook = await notebookOf(ledger, basename(folder), row, { newest: screen });
    const json = options.json === true;
    if (json && options.follow) await follow(ledger, row, { sigma: notebook.sigma, json });
    else if (json) {
      const { experiments, ...rest } = notebook;
      printJson({
        ...rest,
        newest: experiments.slice(-5).map(slim),
        sessions: undefined,
        workspace: await workspaceOf(folder, row.tag),
      });
    } else {
      const others = await sessionLines(ledger, row.id);
      print(statusText(notebook, { ...page(), others }));
      if (options.follow) await follow(ledger, row, { sigma: notebook.sigma, json });
    }
    return 0;
  });
}

export async function sessionsCommand(lab: string | undefined, options: { json?: boolean }): Promise<number> {
  return withSession(labFolder(lab), undefined, async (ledger) => {
    const lines = await sessionLines(ledger);
    if (options.json) printJson(lines);
    else print(sessionsText(lines, page()));
    return 0;
  });
}

/** Where an agent that drives this session edits; null when none does. */
async function workspaceOf(folder: string, tag: string): Promise<string | null> {
  const note = await readTrying(folder);
  return note?.tag === tag ? join(note.workspace, note.lab) : null;
}

export async function logCommand(
  lab: string | undefined,
  options: Options & { newest: number; all?: boolean },
): Promise<number> {
  return inSession(lab, options.tag, async (ledger, row) => {
    const { experiments, metric, sigma } = await tableOf(
      ledger,
      row,
      options.all ? {} : { newest: options.newest },
    );
    const rows = options.all ? experiments : experiments.slice(-options.newest);
    if (options.json) printJson(rows.map(slim));
    else print(logText(rows, { ...page(), metric, sigma }));
    return 0;
  });
}

export async function showCommand(id: number, lab: string | undefined, options: Options): Promise<number> {
  return inSession(lab, options.tag, async (ledger, session) => {
    const row = await rowOf(ledger, session, id);
    const { metric, sigma } = await tableOf(ledger, session, { newest: 1 });
    if (options.json) printJson(row);
    else print(showText(row, { ...page(), metric, sigma }));
    return 0;
  });
}

export async function diffCommand(id: number, lab: string | undefined, options: Options): Promise<number> {
  return inSession(lab, options.tag, async (ledger, session) => {
    const row = await rowOf(ledger, session, id);
    if (options.json) printJson({ id: row.id, diff: row.diff });
    else print(diffLines(row.diff, paints(colour)).join("\n"));
    return 0;
  });
}

export async function contextCommand(
  lab: string | undefined,
  options: Options & { budget: number },
): Promise<number> {
  const folder = labFolder(lab);
  return inSession(lab, options.tag, async (ledger, row) => {
    const notebook = await notebookOf(ledger, basename(folder), row, { newest: screen });
    const text = contextText(notebook, options.budget, await outlookOf(ledger, row));
    if (options.json) printJson({ context: text });
    else print(text);
    return 0;
  });
}

export async function failuresCommand(lab: string | undefined, options: Options): Promise<number> {
  return inSession(lab, options.tag, async (ledger, row) => {
    const { experiments } = await tableOf(ledger, row, { newest: 1000, texts: true });
    const rows = experiments.filter((each) => ["crash", "timeout", "invalid"].includes(each.status));
    const beside = await failedRunsBeside(ledger, row.id);
    if (options.json)
      printJson([
        ...rows.map((each) => ({
          ...slim(each),
          logTail: each.logTail,
          failureKind: each.failureKind ?? null,
        })),
        ...beside.map(({ purpose, arm, round, failureKind, failureMessage, logTail }) => ({
          ...{ id: null, purpose, arm, round, failureKind, reason: failureMessage, logTail },
        })),
      ]);
    else {
      const text = besideText(beside);
      print(
        rows.length === 0 && text !== ""
          ? text
          : [failuresText(rows, page()), text].filter(Boolean).join("\n"),
      );
    }
    return 0;
  });
}

/** An experiment without its long texts. */
function slim<Row extends { diff: string; logTail: string | null }>(row: Row): Omit<Row, "diff" | "logTail"> {
  const { diff: _diff, logTail: _logTail, ...rest } = row;
  return rest;
}
