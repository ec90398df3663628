import { createTwoFilesPatch, diffLines } from "diff";

type Files = Readonly<Record<string, string | null | undefined>>;

/** Milliseconds for one file; longer, and the difference is only stated. */
const timeout = 1000;

/** Unified diff of the files that differ, in git's form: `git apply` takes it. */
export function diffText(before: Files, after: Files): string {
  let text = "";
  for (const path of changedPaths(before, after)) {
    const a = before[path] ?? null;
    const b = after[path] ?? null;
    const [from, to] = [label(`a/${path}`), label(`b/${path}`)];
    text += `diff --git ${from} ${to}\n`;
    if (a === null) text += "new file mode 100644\n";
    if (b === null) text += "deleted file mode 100644\n";
    if ((a ?? "") === (b ?? "")) continue;
    if (a?.includes("\0") || b?.includes("\0")) {
      text += `Binary files ${from} and ${to} differ\n`;
      continue;
    }
    const patch = createTwoFilesPatch("a", "b", a ?? "", b ?? "", undefined, undefined, {
      context: 3,
      timeout,
    });
    // The library's own head is cut off: it knows nothing of names that need quotes.
    const hunks = patch?.slice(patch.indexOf("\n@@") + 1);
    text +=
      hunks === undefined
        ? `Files ${from} and ${to} differ\n`
        : `--- ${a === null ? "/dev/null" : headed(from)}\n+++ ${b === null ? "/dev/null" : headed(to)}\n${hunks}`;
  }
  return text;
}

/**
 * Lines added and removed that hold something other than white space. Of a file too different to compare line by line
 * in time, those lines count that the other side has fewer of.
 */
export function lineCounts(before: Files, after: Files): { added: number; removed: number } {
  let added = 0;
  let removed = 0;
  for (const path of changedPaths(before, after)) {
    const a = before[path] ?? "";
    const b = after[path] ?? "";
    const parts = diffLines(a, b, { timeout });
    if (parts) {
      for (const part of parts) {
        if (part.added) added += linesOf(part.value).length;
        if (part.removed) removed += linesOf(part.value).length;
      }
    } else {
      added += surplus(b, a);
      removed += surplus(a, b);
    }
  }
  return { added, removed };
}

function surplus(of: string, over: string): number {
  const left = new Map<string, number>();
  for (const line of linesOf(over)) left.set(line, (left.get(line) ?? 0) + 1);
  let count = 0;
  for (const line of linesOf(of)) {
    const rest = left.get(line) ?? 0;
    if (rest === 0) count++;
    else left.set(line, rest - 1);
  }
  return count;
}

function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => /\S/.test(line));
}

/** A name as git writes it: in quotes when it holds any, a backslash or a control character. */
function label(path: string): string {
  if (!/["\\\p{Cc}]/u.test(path)) return path;
  const escaped = path.replace(
    /["\\\p{Cc}]/gu,
    (char) =>
      ({ '"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t" })[char] ??
      Buffer.from(char).reduce((octal, byte) => `${octal}\\${byte.toString(8).padStart(3, "0")}`, ""),
  );
  return `"${escaped}"`;
}

/** Git ends a name that holds a space with a tab, so that nobody takes what follows for a date. */
function headed(name: string): string {
  return name.includes(" ") && !name.startsWith('"') ? `${name}\t` : name;
}

function changedPaths(before: Files, after: Files): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((path) => (before[path] ?? null) !== (after[path] ?? null))
    .sort();
}
