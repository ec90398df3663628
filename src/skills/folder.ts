import { constants } from "node:fs";
import { lstat, open, readdir, realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Problem } from "../contract/index.ts";
import { pathFault } from "../repo/index.ts";
import { type ParsedSkill, parseSkill } from "./parse.ts";

/** Bounds of a skill's folder; skills are texts and small helpers. Bytes, number of files, folders below the first. */
const bounds = { file: 2 * 2 ** 20, total: 16 * 2 ** 20, files: 500, depth: 8 };

/** Laid down by tools; no part of a skill. */
const passedOver = new Set([".git", ".DS_Store", "node_modules", "__pycache__"]);

export interface SkillFolder extends ParsedSkill {
  /** Absolute path. */
  path: string;
  /** `SKILL.md` as it is; null when there is none. */
  source: string | null;
  /** Files that are no part of what was read, each with its reason; among the problems too. */
  leftOut: string[];
}

/**
 * Reads a skill's folder: regular files only, reached through real folders, within bounds. Links are neither followed
 * nor kept; what is left out is a problem with its reason. Nothing in the folder is executed. Never throws.
 */
export async function readSkillFolder(path: string): Promise<SkillFolder> {
  const problems: Problem[] = [];
  const say = (severity: Problem["severity"], what: string, fix: string) =>
    problems.push({ severity, line: 1, column: 1, what, fix });
  const leftOut: string[] = [];
  const empty = { path, source: null, leftOut, skill: null, extra: {}, problems };
  const root = await realpath(path).catch(() => null);
  const info = root === null ? null : await lstat(root);
  if (root === null || !info?.isDirectory()) {
    say("error", root === null ? `${path} does not exist` : `${path} is not a folder`, "the skill's folder");
    return empty;
  }

  const files = new Map<string, Buffer>();
  let total = 0;
  let full = false;
  const visit = async (prefix: string, depth: number): Promise<void> => {
    const entries = await readdir(join(root, prefix), { withFileTypes: true }).catch(() => null);
    if (entries === null)
      return void say("warning", `${prefix} cannot be listed and is left out`, "a readable folder");
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      if (passedOver.has(entry.name) || full) continue;
      const name = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
      const left = (why: string, fix: string) => {
        leftOut.push(`${name}: ${why}`);
        say("warning", `${name} is left out: ${why}`, fix);
      };
      const fault = pathFault(name);
      if (fault !== null) left(fault, "a plain name");
      else if (entry.isDirectory())
        if (depth === bounds.depth) left(`it lies deeper than ${bounds.depth} folders`, "fewer folders");
        else await visit(name, depth + 1);
      else if (entry.isSymbolicLink()) left("links are not followed", "the file itself");
      else if (!entry.isFile()) left("it is a socket, a pipe or a device", "a regular file");
      else if (files.size === bounds.files) {
        full = true;
        left(`a skill has at most ${bounds.files} files; and so is what follows it`, "fewer files");
      } else {
        const content = await readPlain(join(root, name), Math.min(bounds.file, bounds.total - total));
        if (typeof content === "string") left(content, "a smaller file, or none");
        else {
          files.set(name, content);
          total += content.length;
        }
      }
    }
  };
  await visit("", 0);

  const main = ["SKILL.md", "skill.md"].find((name) => files.has(name));
  if (main === undefined) {
    say("error", "there is no SKILL.md in it", "a file SKILL.md with name and description");
    return empty;
  }
  const bytes = files.get(main) as Buffer;
  const source = bytes.toString("utf8");
  files.delete(main);
  if (!Buffer.from(source).equals(bytes)) {
    say("error", "SKILL.md is not valid UTF-8", "the file in UTF-8");
    return { ...empty, source };
  }
  const parsed = parseSkill(source, basename(root), files);
  return { ...parsed, path, source, leftOut, problems: [...problems, ...parsed.problems] };
}

/** A regular file's bytes, not through a link, or why not. */
async function readPlain(path: string, limit: number): Promise<Buffer | string> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => error.code ?? "it cannot be read",
  );
  if (typeof handle === "string") return handle;
  try {
    const info = await handle.stat();
    if (!info.isFile()) return "it is no regular file";
    if (info.size > limit) return `it has ${info.size} bytes, ${limit} are allowed`;
    const content = Buffer.alloc(info.size);
    const { bytesRead } = await handle.read(content, 0, info.size, 0);
    return content.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
