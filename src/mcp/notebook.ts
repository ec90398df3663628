import { existsSync } from "node:fs";
import { basename } from "node:path";
import { UserError } from "../errors.ts";
import { ledgerPath, readLab, readTrying } from "../lab/index.ts";
import {
  addIdea,
  experimentByNumber,
  type Idea,
  ideasOf,
  type Ledger,
  openLedger,
  type SessionRow,
  setLesson,
} from "../ledger/index.ts";
import { type Notebook, notebookOf, type Row, rowOf, sessionMeant, withSession } from "../notebook/index.ts";

/** The notebook of a lab as tools read and write it; each call opens the ledger for itself, also while a run is on. */

/** Screens need the newest experiments and every keep. */
const screen = 200;
const failedKinds: readonly string[] = ["crash", "timeout", "invalid"];

/** The session that the agent drives, or the one that the contract leads to. */
async function inSession<Result>(
  lab: string,
  read: (ledger: Ledger, row: SessionRow, folder: string) => Promise<Result>,
): Promise<Result> {
  const { folder, programFile } = await readLab(lab);
  const note = await readTrying(folder);
  return withSession(programFile, note?.tag, (ledger, row) => read(ledger, row, folder));
}

export async function notebook(lab: string): Promise<Notebook> {
  return inSession(lab, (ledger, row, folder) =>
    notebookOf(ledger, basename(folder), row, { newest: screen }),
  );
}

/** The newest failures of a session, oldest of them first. */
export async function failures(lab: string, newest: number): Promise<Row[]> {
  return inSession(lab, async (ledger, row) => {
    const { experiments } = await notebookOf(ledger, "", row, { newest: 1000, texts: true });
    return experiments.filter(({ status }) => failedKinds.includes(status)).slice(-newest);
  });
}

export async function experiment(
  lab: string,
  id: number,
): Promise<{ row: Row; metric: Notebook["metric"]; sigma: number | null }> {
  return inSession(lab, async (ledger, session) => {
    const { metric, sigma } = await notebookOf(ledger, "", session, { newest: 1 });
    return { row: await rowOf(ledger, session, id), metric, sigma };
  });
}

/** @throws UserError when there is no such experiment, or it has no decision yet. */
export async function learn(
  lab: string,
  { id, hypothesis, lesson }: { id: number; hypothesis: "confirmed" | "refuted"; lesson: string },
): Promise<void> {
  await inSession(lab, async (ledger, row) => {
    const found = await experimentByNumber(ledger, row.id, id);
    if (!found) throw new UserError(`session ${row.tag} has no experiment ${id}`, "`context` names them");
    if (!found.decision)
      throw new UserError(`experiment ${id} has not been decided yet`, "the next `try` finishes it");
    await setLesson(ledger, found.id, hypothesis, lesson);
  });
}

export async function ideas(lab: string, all: boolean): Promise<Idea[]> {
  return inLedger(lab, (ledger) => ideasOf(ledger, { open: !all, limit: screen }));
}

/** @returns the idea's id. */
export async function keepIdea(lab: string, text: string): Promise<number> {
  return inLedger(lab, async (ledger, contract) => {
    const session = await sessionMeant(ledger, contract);
    return addIdea(ledger, { sessionId: session?.id ?? null, text, by: "agent", addedAt: Date.now() });
  });
}

/** Where the agent edits, if that was prepared already. */
export async function workspaceOf(lab: string): Promise<string | null> {
  const note = await readTrying((await readLab(lab)).folder);
  return note === null ? null : `${note.workspace}${note.lab === "" ? "" : `/${note.lab}`}`;
}

async function inLedger<Result>(
  lab: string,
  work: (ledger: Ledger, contract: string) => Promise<Result>,
): Promise<Result> {
  const { folder, programFile } = await readLab(lab);
  if (!existsSync(ledgerPath(folder)))
    throw new UserError(`nothing has been measured in ${folder} yet`, "begin with `start`");
  const ledger = await openLedger(ledgerPath(folder));
  try {
    return await work(ledger, programFile);
  } finally {
    await ledger.close();
  }
}
