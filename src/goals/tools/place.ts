import { lstat, realpath } from "node:fs/promises";
import { join, posix, sep } from "node:path";

/** What the tools of one turn share. */
export interface ToolContext {
  /** The working folder, links in its own path resolved. */
  folder: string;
  /** Host paths that links in it lead to, shown read-only to commands. */
  inputs: { host: string; at: { path: string } }[];
}

/** Characters of one answer. */
const most = 30_000;

/**
 * The host path of a path that a model gave, if it lies in the working folder and is reached through no link.
 *
 * @throws Error in words for the model.
 */
export async function placeOf(folder: string, path: string): Promise<string> {
  const clean = posix.normalize(path.replaceAll("\\", "/")).replace(/\/$/, "");
  const relative = clean.startsWith(`${folder}/`) ? clean.slice(folder.length + 1) : clean;
  if (relative === "." || relative === "" || clean === folder) return folder;
  if (relative.startsWith("/") || relative === ".." || relative.startsWith("../") || relative.includes("\0"))
    throw new Error(`${path} lies outside of the working folder; use paths relative to it`);
  let at = folder;
  for (const part of relative.split("/")) {
    at = join(at, part);
    const info = await lstat(at).catch(() => null);
    if (info === null) break;
    if (!info.isSymbolicLink()) continue;
    const target = await realpath(at).catch(() => null);
    if (target === null || !`${target}${sep}`.startsWith(`${folder}${sep}`))
      throw new Error(`${path} leads through a link out of the working folder`);
  }
  return join(folder, relative);
}

/** The middle is left out of what is too long. */
export function capped(text: string, limit = most): string {
  if (text.length <= limit) return text;
  const half = Math.floor(limit / 2);
  return `${text.slice(0, half)}\n[... ${text.length - 2 * half} characters left out ...]\n${text.slice(-half)}`;
}

export function said(text: string): { text: string; ok: true; exitCode: null } {
  return { text: capped(text), ok: true, exitCode: null };
}
