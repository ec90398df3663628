import { createTwoFilesPatch } from "diff";

type Files = Readonly<Record<string, string | null | undefined>>;

/** Unified diff of the files that differ, in git's form. */
export function diffText(before: Files, after: Files): string {
  let text = "";
  for (const path of changedPaths(before, after)) {
    const a = before[path] ?? null;
    const b = after[path] ?? null;
    const patch = createTwoFilesPatch(
      a === null ? "/dev/null" : `a/${path}`,
      b === null ? "/dev/null" : `b/${path}`,
      a ?? "",
      b ?? "",
      undefined,
      undefined,
      { context: 3, timeout: 1000 },
    );
    text += `diff --git a/${path} b/${path}\n`;
    text += patch
      ? patch.replace(/^=+\n/, "").replace(/\t$/gm, "")
      : `Files a/${path} and b/${path} differ\n`;
  }
  return text;
}

/** Lines added and removed that hold something other than white space. */
export function lineCounts(before: Files, after: Files): { added: number; removed: number } {
  let added = 0;
  let removed = 0;
  for (const line of diffText(before, after).split("\n")) {
    if (/^\+(?!\+\+ ).*\S/.test(line)) added++;
    else if (/^-(?!-- ).*\S/.test(line)) removed++;
  }
  return { added, removed };
}

function changedPaths(before: Files, after: Files): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((path) => (before[path] ?? null) !== (after[path] ?? null))
    .sort();
}
