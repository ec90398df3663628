import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { harvestChanges, manifest } from "../../src/repo/index.ts";
import type { Task, WorkingCopy } from "../../src/researcher/index.ts";

/** A folder with a lab in `lab/`, harvested as the loop harvests. */
export async function workingCopy(
  folder: string,
  files: Record<string, string>,
  editable: string[],
): Promise<WorkingCopy> {
  const lab = join(folder, "lab");
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(lab, path, ".."), { recursive: true });
    writeFileSync(join(lab, path), text);
  }
  const base = await manifest(lab);
  return { folder, lab: "lab", harvest: () => harvestChanges(lab, base, editable) };
}

/** A task on a working copy, with a briefing of these words. */
export function taskOn(copy: WorkingCopy, words: string, more: Partial<Task> = {}): Task {
  return {
    refused: new Set(),
    words: () => Promise.resolve(words),
    workingCopy: () => Promise.resolve(copy),
    ...more,
  };
}
