import { basename } from "node:path";
import { type Dirty, uncommitted } from "../repo/index.ts";
import type { LabFolder } from "./lab.ts";

/** Uncommitted work in a lab's folder, and what a person should know about it, a sentence each. */
export async function uncommittedWork(lab: LabFolder): Promise<{ files: Dirty[]; warnings: string[] }> {
  const program = basename(lab.programFile);
  const files = ((await uncommitted(lab.folder)) ?? []).filter(
    (file) => !/(^|\/)node_modules\//.test(file.path),
  );
  const left = files.filter((file) => file.path !== program).map((file) => file.path);
  const warnings: string[] = [];
  if (left.length < files.length)
    warnings.push(
      `${program} is used as it lies there, though it is not committed: commit it, so that the session can be repeated`,
    );
  if (left.length > 0)
    warnings.push(
      `not part of what is measured, since it is not committed: ${left.slice(0, 5).join(", ")}${left.length > 5 ? " ..." : ""}`,
    );
  return { files, warnings };
}
