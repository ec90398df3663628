import type { Edit } from "./edits.ts";
import type { Hypothesis } from "./researcher.ts";

/** What a model's answer says, or every complaint about its form. */
export type ParsedAnswer = { hypothesis: Hypothesis; edits: Edit[] } | { problems: string[] };

/**
 * What the tags' names end with, so that no line of these texts can be taken for one: usually nothing.
 */
export function tagSuffix(texts: Iterable<string>): string {
  const used = new Set<string>();
  for (const text of texts)
    for (const [, suffix = ""] of text.matchAll(/<\/(?:file|edit|search|replace)(-[A-Za-z0-9]+)?>/g))
      used.add(suffix);
  if (!used.has("")) return "";
  let count = 2;
  while (used.has(`-${count}`)) count++;
  return `-${count}`;
}

/** How to answer, in words for a model. */
export function answerRules(suffix: string): string {
  const [file, edit, search, replace, remove] = ["file", "edit", "search", "replace", "delete"].map(
    (name) => name + suffix,
  );
  return `Answer with exactly one hypothesis and the change that tests it, in this form, each tag at the start of a line of its own:

<what>One line: what you change.</what>
<because>Why it should help: the mechanism.</because>
<expect>What will be seen if you are right.</expect>

Then the change, in any number of these blocks.

Replace a part of a file:
<${edit} path="path/of/the/file">
<${search}>
lines of the file, copied exactly, enough of them to occur only once
</${search}>
<${replace}>
the lines that take their place
</${replace}>
</${edit}>

Write a whole file, a new one or a short one (all of it: nothing is left out or abbreviated):
<${file} path="path/of/the/file">
the whole text
</${file}>

Delete a file:
<${remove} path="path/of/the/file"/>

Text between tags is taken literally: no escaping, no line numbers, no code fences around it. An <${edit}> may hold several pairs of <${search}> and <${replace}>; they are applied one after the other. Where the same lines occur several times, <${search} which="2"> means the second, <${search} which="all"> all of them. Should text that you write contain a line like </${file}> itself, give the block's tags a suffix of your own: <${file}-x path="..."> to </${file}-x>. Paths are as in the briefing.`;
}

/** Reads an answer in the form of {@link answerRules}. Prose around the blocks is passed over. */
export function parseAnswer(answer: string): ParsedAnswer {
  const lines = answer
    .replaceAll("\r\n", "\n")
    // Some open models think aloud first.
    .replace(/^\s*<think>[\s\S]*?<\/think>/, "")
    .split("\n");
  const edits: Edit[] = [];
  const said: Record<string, string> = {};
  const problems: string[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? "";
    const tag = openTag(line);
    if (!tag) {
      const stray = /^\s*<\/(file|edit|search|replace)(-[A-Za-z0-9]+)?>\s*$/.exec(line);
      if (stray)
        problems.push(
          `${line.trim()} closes nothing. Should it be part of a file's text, give that block's tags a suffix.`,
        );
      at++;
      continue;
    }
    if (tag.name === "delete") {
      if (tag.path === null) problems.push(`${line.trim()} names no path.`);
      else edits.push({ kind: "delete", path: tag.path });
      at++;
      continue;
    }
    const content = contentFrom(lines, at, tag);
    if (!content) {
      problems.push(
        `<${tag.full}>${tag.path === null ? "" : ` for "${tag.path}"`} is never closed: </${tag.full}> is missing${tag.name === "file" || tag.name === "edit" ? " on a line of its own" : ""}.`,
      );
      break;
    }
    at = content.next;
    if (tag.name === "what" || tag.name === "because" || tag.name === "expect") {
      if (said[tag.name] !== undefined)
        problems.push(`There is more than one <${tag.name}>: one hypothesis only.`);
      said[tag.name] = content.lines.join("\n").trim();
    } else if (tag.name === "search" || tag.name === "replace")
      problems.push(`<${tag.full}> stands outside an <edit path="...">.`);
    else if (tag.path === null) problems.push(`<${tag.full}> names no path: <${tag.full} path="...">.`);
    else if (tag.name === "file")
      edits.push({ kind: "file", path: tag.path, lines: unfenced(tag.path, content.lines) });
    else readPairs(tag.path, tag.suffix, content.lines, edits, problems);
  }
  if (!said.what) problems.unshift("The line <what>...</what> is missing: say what you change.");
  if (edits.length === 0 && problems.length === 0)
    problems.push('There is no change: no <edit path="...">, <file path="..."> or <delete path="..."/>.');
  if (problems.length > 0) return { problems };
  const { what = "", because, expect } = said;
  return {
    hypothesis: {
      what: what.replace(/\s*\n\s*/g, " "),
      ...(because ? { mechanism: because } : {}),
      ...(expect ? { prediction: expect } : {}),
    },
    edits,
  };
}

interface Tag {
  name: string;
  suffix: string;
  /** Name and suffix. */
  full: string;
  path: string | null;
  which: string | null;
  /** What follows on the same line. */
  rest: string;
}

const opening =
  /^\s*<(what|because|expect|file|edit|search|replace|delete)(-[A-Za-z0-9]+)?((?:\s+[a-z]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>(.*)$/;

function openTag(line: string): Tag | null {
  const match = opening.exec(line);
  if (!match) return null;
  const [, name = "", suffix = "", attributes = "", , rest = ""] = match;
  const attribute = (key: string) => {
    const [, double, single] = new RegExp(`\\b${key}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`).exec(attributes) ?? [];
    return double ?? single ?? null;
  };
  const path = attribute("path")?.trim().replace(/^\.\//, "") ?? null;
  return { name, suffix, full: name + suffix, path: path || null, which: attribute("which"), rest };
}

/** The lines up to the closing tag: alone on its line or, for all but files and edits, at the end of one. */
function contentFrom(lines: string[], at: number, tag: Tag): { lines: string[]; next: number } | null {
  const close = `</${tag.full}>`;
  const strict = tag.name === "file" || tag.name === "edit";
  const content: string[] = [];
  for (let each = at; each < lines.length; each++) {
    const line = each === at ? tag.rest : (lines[each] ?? "");
    if (line.trim() === close) return { lines: content, next: each + 1 };
    const end = line.trimEnd();
    if ((!strict || each === at) && end.endsWith(close)) {
      content.push(end.slice(0, -close.length));
      return { lines: content, next: each + 1 };
    }
    if (each > at || line.trim() !== "") content.push(line);
  }
  return null;
}

function readPairs(path: string, suffix: string, lines: string[], edits: Edit[], problems: string[]): void {
  let at = 0;
  let search: { lines: string[]; which: number | "all" | null } | null = null;
  let pairs = 0;
  while (at < lines.length) {
    const line = lines[at] ?? "";
    const tag = openTag(line);
    if (!tag || tag.suffix !== suffix || (tag.name !== "search" && tag.name !== "replace")) {
      if (line.trim() !== "" && !/^\s*`{3,}\S*\s*$/.test(line)) {
        problems.push(
          `In <edit${suffix} path="${path}"> the line\n${line}\nstands outside <search${suffix}> and <replace${suffix}>.`,
        );
        return;
      }
      at++;
      continue;
    }
    const content = contentFrom(lines, at, tag);
    if (!content) {
      problems.push(`In <edit${suffix} path="${path}"> there is no </${tag.full}> for <${tag.full}>.`);
      return;
    }
    at = content.next;
    if (tag.name === "search") {
      if (search) break;
      const which = whichOf(tag.which);
      if (which === undefined) {
        problems.push(`which="${tag.which}" is neither a number from 1 nor "all".`);
        return;
      }
      search = { lines: unfenced(path, content.lines), which };
    } else {
      if (!search) break;
      edits.push({
        kind: "replace",
        path,
        search: search.lines,
        replace: unfenced(path, content.lines),
        which: search.which,
      });
      search = null;
      pairs++;
    }
  }
  if (search || at < lines.length || pairs === 0)
    problems.push(
      `<edit${suffix} path="${path}"> must hold pairs: each <search${suffix}> followed by its <replace${suffix}>.`,
    );
}

function whichOf(text: string | null): number | "all" | null | undefined {
  if (text === null || text === "all") return text;
  return /^[1-9]\d{0,5}$/.test(text.trim()) ? Number(text) : undefined;
}

/** Without the code fence that models put around everything; in Markdown it may be meant. */
function unfenced(path: string, lines: string[]): string[] {
  if (/\.(md|mdx|markdown|qmd|rmd)$/i.test(path) || lines.length < 2) return lines;
  const fence = /^\s*(`{3,})[\w+.-]*\s*$/.exec(lines[0] ?? "")?.[1];
  return fence !== undefined && lines.at(-1)?.trim() === fence ? lines.slice(1, -1) : lines;
}
