/** What a model wants changed, as it says it. Lines are without their endings. */
export type Edit =
  /** The whole new text of a file, new or not. */
  | { kind: "file"; path: string; lines: string[] }
  | { kind: "delete"; path: string }
  | {
      kind: "replace";
      path: string;
      search: string[];
      replace: string[];
      /** Which occurrence, from 1; null: there must be exactly one. */
      which: number | "all" | null;
    };

/**
 * Applies edits one after the other to the texts of files.
 *
 * Text is searched as whole lines first, then as a part of lines between word boundaries; it must occur exactly once
 * unless the edit says which occurrence is meant. Line endings and the missing newline at the end of a file stay as they
 * were.
 *
 * @param files path -> text.
 * @returns the files that differ afterwards with their new texts (null: deleted), or every complaint, in words that the
 *   one who wrote the edits can act on.
 */
export function applyEdits(
  files: Readonly<Record<string, string>>,
  edits: readonly Edit[],
): { changes: Record<string, string | null> } | { problems: string[] } {
  const now = new Map(Object.entries(files));
  const problems = contradictions(edits);
  for (const edit of edits) {
    const old = now.get(edit.path);
    if (edit.kind === "file") now.set(edit.path, wholeText(edit.lines, old));
    else if (old === undefined) problems.push(unknownFile(edit, [...now.keys()]));
    else if (edit.kind === "delete") now.delete(edit.path);
    else {
      const result = replaced(old, edit);
      if ("problem" in result) problems.push(result.problem);
      else now.set(edit.path, result.text);
    }
  }
  if (problems.length > 0) return { problems };
  const before = new Map(Object.entries(files));
  const changed = [...now].filter(([path, text]) => before.get(path) !== text);
  const gone = [...before.keys()].filter((path) => !now.has(path));
  return {
    changes: Object.fromEntries<string | null>([...changed, ...gone.map((path) => [path, null] as const)]),
  };
}

function contradictions(edits: readonly Edit[]): string[] {
  const problems: string[] = [];
  const whole = new Set<string>();
  for (const { kind, path } of edits) {
    if (kind === "replace") continue;
    if (whole.has(path)) problems.push(`"${path}" is written or deleted as a whole more than once.`);
    whole.add(path);
  }
  for (const path of new Set(edits.filter(({ kind }) => kind === "replace").map((edit) => edit.path)))
    if (whole.has(path))
      problems.push(`"${path}" is edited, and written or deleted as a whole, in one answer: do one of them.`);
  return problems;
}

function unknownFile(edit: Edit, paths: string[]): string {
  const verb = edit.kind === "delete" ? "deleted" : "edited";
  return `"${edit.path}" cannot be ${verb}: it is not among the files that may change (${paths.map((path) => `"${path}"`).join(", ") || "there are none"}). A new file is written as a whole.`;
}

function wholeText(lines: string[], old: string | undefined): string {
  const eol = old?.includes("\n") && !/(^|[^\r])\n/.test(old) ? "\r\n" : "\n";
  const openEnd = old !== undefined && old !== "" && !old.endsWith("\n");
  return lines.join(eol) + (lines.length === 0 || openEnd ? "" : eol);
}

function replaced(raw: string, edit: Edit & { kind: "replace" }): { text: string } | { problem: string } {
  const where = `The <search> text for "${edit.path}"`;
  if (edit.search.every((line) => line.trim() === "")) return { problem: `${where} is empty.` };
  const plain = raw.replaceAll("\r\n", "\n");
  const found = occurrences(plain, edit);
  const [first] = found.at;
  if (first === undefined) return { problem: `${where} does not occur in it. ${hint(plain, edit.search)}` };
  const lineNumbers = () => found.at.map((at) => plain.slice(0, at).split("\n").length).join(", ");
  if (edit.which === null && found.at.length > 1)
    return {
      problem: `${where} occurs ${found.at.length} times (at lines ${lineNumbers()}): add lines around it until it is unique, or say which one with which="N" or which="all".`,
    };
  const one = typeof edit.which === "number" ? found.at[edit.which - 1] : first;
  if (one === undefined)
    return {
      problem: `${where} occurs only ${found.at.length === 1 ? "once" : `${found.at.length} times`} (at lines ${lineNumbers()}), and which="${edit.which}" was asked for.`,
    };
  const chosen = edit.which === "all" ? apart(found.at, found.length) : [one];
  return { text: spliced(raw, chosen, found) };
}

interface Found {
  /** Positions in the text with plain line endings. */
  at: number[];
  length: number;
  /** What is put there, with plain line endings. */
  put: string;
}

function occurrences(plain: string, { search, replace }: Edit & { kind: "replace" }): Found {
  const lines = (all: string[]) => all.map((line) => `${line}\n`).join("");
  const closed = plain.endsWith("\n") ? plain : `${plain}\n`;
  const whole = lines(search);
  const atLines = indexesOf(closed, whole).filter((at) => at === 0 || closed[at - 1] === "\n");
  if (atLines.length > 0) return { at: atLines, length: whole.length, put: lines(replace) };
  const part = search.join("\n");
  const at = indexesOf(plain, part).filter((start) => bounded(plain, start, start + part.length));
  return { at, length: part.length, put: replace.join("\n") };
}

/** All positions, overlapping ones included. */
function indexesOf(text: string, part: string): number[] {
  const all: number[] = [];
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + 1)) all.push(at);
  return all;
}

/** Whether no word is cut in two: `rate = 1` is not found in `rate = 10`. */
function bounded(text: string, start: number, end: number): boolean {
  const word = /[\p{L}\p{N}_]/u;
  const cuts = (at: number) => word.test(text[at - 1] ?? "") && word.test(text[at] ?? "");
  return !cuts(start) && !cuts(end);
}

function apart(at: number[], length: number): number[] {
  const chosen: number[] = [];
  for (const position of at) if (position >= (chosen.at(-1) ?? -length) + length) chosen.push(position);
  return chosen;
}

/** The replacements in the raw text: everything outside them stays as it is, byte for byte. */
function spliced(raw: string, chosen: number[], { length, put }: Found): string {
  const index = rawIndexes(raw);
  let text = "";
  let from = 0;
  for (const at of chosen) {
    const start = index[at] ?? raw.length;
    const end = index[at + length];
    const own = put.replaceAll("\n", eolAt(raw, start));
    text += raw.slice(from, start);
    // Past the end: whole lines matched up to a last line without a newline, and it goes on without one.
    text += end === undefined ? own.replace(/\r?\n$/, "") : own;
    from = end ?? raw.length;
  }
  return text + raw.slice(from);
}

/** For each position in the text with plain line endings, and its end, the one in the raw text. */
function rawIndexes(raw: string): number[] {
  const index: number[] = [];
  for (let at = 0; at < raw.length; at++) {
    index.push(at);
    if (raw[at] === "\r" && raw[at + 1] === "\n") at++;
  }
  index.push(raw.length);
  return index;
}

function eolAt(raw: string, at: number): "\n" | "\r\n" {
  const next = raw.indexOf("\n", at);
  const near = next === -1 ? raw.lastIndexOf("\n") : next;
  return near > 0 && raw[near - 1] === "\r" ? "\r\n" : "\n";
}

/** Why the text was perhaps not found. */
function hint(plain: string, search: string[]): string {
  const lines = plain.split("\n");
  const bare = (line: string) => line.replace(/\s+/g, "");
  const wanted = search.map(bare);
  const near = lines.findIndex((_, at) =>
    wanted.every((line, offset) => bare(lines[at + offset] ?? "") === line),
  );
  if (near !== -1)
    return `Only white space differs from ${span(near, search.length)}, which read:\n${lines.slice(near, near + search.length).join("\n")}`;
  const start = lines.findIndex((line) => wanted[0] !== "" && bare(line) === wanted[0]);
  if (start === -1) return "Copy the lines exactly as they are in the file now.";
  const offset = wanted.findIndex((line, at) => bare(lines[start + at] ?? "") !== line);
  return `It begins like line ${start + 1}, but where it says\n${search[offset] ?? ""}\nline ${start + offset + 1} of the file reads\n${lines[start + offset] ?? "(end of the file)"}`;
}

function span(from: number, count: number): string {
  return count === 1 ? `line ${from + 1}` : `lines ${from + 1} to ${from + count}`;
}
