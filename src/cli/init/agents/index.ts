import { randomUUID } from "node:crypto";
import { lstat, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { parseDocument } from "yaml";
import { UserError } from "../../../errors.ts";
import type { AgentSetup, Start } from "./agent.ts";
import { claude } from "./claude.ts";
import { codex } from "./codex.ts";
import { cursor } from "./cursor.ts";
import { gemini } from "./gemini.ts";
import { merged } from "./merge.ts";
import { opencode } from "./opencode.ts";
import { pi } from "./pi.ts";
import { mark, skillText } from "./skill.ts";

const setups: Record<string, (start: Start) => AgentSetup> = { claude, codex, gemini, opencode, pi, cursor };

export const agentSetups: readonly string[] = Object.keys(setups);

export interface AgentResult {
  /** Paths with what was put there. */
  written: { path: string; what: string }[];
  /** What was left as it is and why, and what a person should know. */
  notes: string[];
}

/**
 * Writes what a coding agent needs to find Whetstone: a skill, its MCP configuration, a stop hook where it has one.
 * What is in a file already stays; a second call changes nothing.
 *
 * @param folder the lab; the files go to the root of its repository, where agents are started.
 * @throws UserError for an unknown agent.
 */
export async function setUpAgent(agent: string, folder: string): Promise<AgentResult> {
  const setup = Object.hasOwn(setups, agent) ? setups[agent] : undefined;
  if (!setup)
    throw new UserError(
      `there is no set-up for an agent "${agent}"`,
      `take one of ${agentSetups.join(", ")}`,
    );
  const lab = resolve(folder);
  const root = await projectRoot(lab);
  const start: Start = {
    program: (await exists(join(root, "node_modules", ".bin", "whet"))) ? ["npx", "whet"] : ["whet"],
    lab: relative(root, lab).split(sep).join("/"),
  };
  const { skills, files, notes } = setup(start);
  const result: AgentResult = { written: [], notes: [...notes] };
  for (const place of skills) await writeSkill(join(root, place, "whetstone", "SKILL.md"), start, result);
  for (const merge of files) {
    const path = join(root, merge.file);
    if (await refuseLink(path, result)) continue;
    const text = await textOf(path);
    const made = "why" in text ? ({ kind: "unreadable", ...text } as const) : merged(text.text, merge);
    if (made.kind === "new") {
      await replace(path, made.text);
      result.written.push({ path, what: merge.what });
    } else if (made.kind === "unreadable")
      result.notes.push(
        `${path} was left alone, since it cannot be read (${made.why}): add ${merge.what} by hand`,
      );
    else
      result.notes.push(
        made.same
          ? `${path} has ${merge.what} already`
          : `${path} has another entry "whetstone", which was left alone`,
      );
  }
  return result;
}

async function writeSkill(path: string, start: Start, result: AgentResult): Promise<void> {
  if (await refuseLink(path, result)) return;
  const found = await textOf(path);
  const before = "why" in found ? null : found.text;
  const known = "why" in found ? null : before === null ? [] : labsIn(before);
  if (known === null) {
    result.notes.push(`${path} is somebody else's and was left alone`);
    return;
  }
  const labs = [...new Set([...known, start.lab === "" ? "." : start.lab])];
  const text = skillText(labs, start.program);
  if (text === before) {
    result.notes.push(`${path} is up to date`);
    return;
  }
  await replace(path, text);
  result.written.push({ path, what: "the skill" });
}

/** The labs that a skill of ours names; null: it is not ours. */
function labsIn(text: string): string[] | null {
  const front = /^---\n([\s\S]*?)\n---\n/.exec(text)?.[1];
  if (front === undefined) return null;
  const { metadata } = (parseDocument(front).toJS() ?? {}) as { metadata?: Record<string, unknown> };
  if (metadata?.writer !== mark) return null;
  const { labs } = metadata;
  return typeof labs === "string" ? labs.split(", ").filter((lab) => lab !== "") : [];
}

/** Where agents are started: the repository's root, or the lab itself outside of one. */
async function projectRoot(lab: string): Promise<string> {
  for (let folder = lab; ; folder = dirname(folder)) {
    if (await exists(join(folder, ".git"))) return folder;
    if (folder === dirname(folder)) return lab;
  }
}

/** A configuration file may be a link to somewhere else: that is not ours to write through. */
async function refuseLink(path: string, result: AgentResult): Promise<boolean> {
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    const info = await lstat(at).catch(() => null);
    if (await exists(join(at, ".git"))) return false;
    if (info?.isSymbolicLink()) {
      result.notes.push(`${path} was left alone: ${at} is a link`);
      return true;
    }
  }
  return false;
}

/** What a file holds, null where there is none; of one that is there and cannot be read, why. */
async function textOf(path: string): Promise<{ text: string | null } | { why: string }> {
  try {
    return { text: await readFile(path, "utf8") };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? { text: null } : { why: message };
  }
}

/** Whoever may read the file may read the new one, and nobody else: configurations hold keys. */
async function replace(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const mode = (await lstat(path).catch(() => null))?.mode;
  const aside = `${path}.${randomUUID()}`;
  await writeFile(aside, text, { flag: "wx", mode: (mode ?? 0o666) & 0o777 });
  await rename(aside, path);
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
