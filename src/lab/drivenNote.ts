import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { readNote, writeNote } from "../seal.ts";
import { whetstoneFolder } from "./folder.ts";

/** What is remembered of a session that an agent drives, in `.whetstone/trying.json`. */
export interface TryingNote {
  tag: string;
  /** Folder of the whole tree. */
  workspace: string;
  /** The lab's path in it. */
  lab: string;
  /** Milliseconds since the epoch. */
  startedAt: number;
  /** Whom its commits are by, as git had it when `whet start` asked. */
  who: string;
}

export async function readTrying(lab: string): Promise<TryingNote | null> {
  const text = await readNote(noteFile(lab));
  try {
    return text === null ? null : (JSON.parse(text) as TryingNote);
  } catch {
    return null;
  }
}

export async function writeTrying(lab: string, note: TryingNote): Promise<void> {
  await writeNote(noteFile(lab), JSON.stringify(note));
}

function noteFile(lab: string): string {
  return join(whetstoneFolder(lab), "trying.json");
}

/** Leaves word in a workspace of the contract that it was made for; the harvest does not look there. */
export async function markWorkspace(folder: string, programFile: string): Promise<void> {
  await writeFile(join(folder, ".git", "whetstone"), `${programFile}\n`);
}

/** The lab's folder; a contract file stands for the folder that it lies in. */
export function withoutFile(path: string): string {
  return path.endsWith(".md") ? resolve(path, "..") : path;
}

/** The contract that a path belongs to when it lies in a workspace; otherwise the path itself, made absolute. */
export function outOfWorkspace(path: string): string {
  const given = resolve(path);
  for (let folder = given; ; folder = dirname(folder)) {
    if (existsSync(join(folder, ".git"))) {
      const mark = join(folder, ".git", "whetstone");
      return existsSync(mark) ? readFileSync(mark, "utf8").trimEnd() : given;
    }
    if (folder === dirname(folder)) return given;
  }
}
