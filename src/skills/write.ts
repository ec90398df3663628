import { randomUUID } from "node:crypto";
import { chmod, lstat, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { UserError } from "../errors.ts";
import { pathFault } from "../repo/index.ts";
import { plainInstructions } from "./parse.ts";
import type { Skill } from "./skill.ts";

/**
 * A skill's `SKILL.md`. The same skill gives the same bytes: keys in the specification's order, metadata sorted. What is
 * written is plain enough for the strictest readers, and read back it is the same skill.
 */
export function skillText(skill: Skill): string {
  const lines = [`name: ${scalar(skill.name)}`, `description: ${scalar(skill.description)}`];
  if (skill.license !== undefined) lines.push(`license: ${scalar(skill.license)}`);
  if (skill.compatibility !== undefined) lines.push(`compatibility: ${scalar(skill.compatibility)}`);
  if (skill.allowedTools.length > 0) lines.push(`allowed-tools: ${scalar(skill.allowedTools.join(" "))}`);
  const metadata = Object.entries(skill.metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  if (metadata.length > 0) {
    lines.push("metadata:");
    for (const [key, value] of metadata) lines.push(`  ${scalar(key)}: ${scalar(value)}`);
  }
  return document(lines, skill.instructions);
}

/** Lines of front matter and the text below them. */
export function document(front: readonly string[], instructions: string): string {
  const text = plainInstructions(instructions);
  return `---\n${front.join("\n")}\n---\n${text === "" ? "" : `\n${text}\n`}`;
}

/** Words that some YAML reader takes for something other than text. */
const retyped = /^(?:y|n|yes|no|on|off|true|false|null|nan|inf|[\d.,_:eobxa-f+-]+)$/i;

/** A text as a YAML scalar on one line: as it is where every reader takes it for itself, else in double quotes. */
export function scalar(text: string): string {
  const plain =
    /^[\p{L}\p{N}(][^\p{C}\p{Zl}\p{Zp}]*$/u.test(text) &&
    text.trim() === text &&
    !/: |:$| #|---|[\t\u0085\u00a0]/.test(text) &&
    !retyped.test(text);
  return plain ? text : quoted(text);
}

/** JSON's escapes are YAML's; hyphens in threes are escaped as well, at which some readers end the front matter. */
export function quoted(text: string): string {
  return JSON.stringify(text)
    .replaceAll("---", "--\\x2d")
    .replaceAll(/[\u007f-\u009f\u00a0\u2028\u2029\ufeff\ufffe\uffff]/g, escaped);
}

function escaped(sign: string): string {
  return `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** All files of a skill's folder, sorted by path: `SKILL.md` and the others. */
export function filesOf(skill: Skill): Map<string, Buffer> {
  const files = new Map([...skill.files, ["SKILL.md", Buffer.from(skillText(skill))] as const]);
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Writes a skill's folder, whole or not at all. Files that begin with `#!` are executable.
 *
 * @param folder where to; its name should be the skill's.
 * @throws UserError when something lies there already, unless it is to be replaced.
 */
export async function writeSkill(skill: Skill, folder: string, replace = false): Promise<void> {
  await writeFolder(filesOf(skill), folder, replace);
}

/** The same with the files as they are given. */
export async function writeFolder(
  files: ReadonlyMap<string, Buffer>,
  folder: string,
  replace = false,
): Promise<void> {
  const there = await lstat(folder).catch(() => null);
  if (there !== null && !replace)
    throw new UserError(
      `${folder} is there already and was not touched`,
      "look at what differs first; then replace it with --force, or choose another folder",
    );
  const parent = dirname(folder);
  await mkdir(parent, { recursive: true });
  const id = randomUUID().slice(0, 8);
  const fresh = join(parent, `.${basename(folder)}.${id}.new`);
  const old = join(parent, `.${basename(folder)}.${id}.old`);
  try {
    for (const [path, content] of files) {
      const fault = pathFault(path);
      if (fault !== null) throw new UserError(`the skill holds a file "${path}": ${fault}`);
      const file = join(fresh, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content, { flag: "wx" });
      if (content.subarray(0, 2).toString() === "#!") await chmod(file, 0o755);
    }
    if (there !== null) await rename(folder, old);
    await rename(fresh, folder);
  } finally {
    await rm(fresh, { recursive: true, force: true });
    // Not before the new one is in its place: a failed rename leaves the old one to be found.
    if ((await lstat(folder).catch(() => null)) !== null) await rm(old, { recursive: true, force: true });
  }
}
