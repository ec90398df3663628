import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve, sep } from "node:path";
import { UserError } from "../errors.ts";
import { openOpencode } from "./opencodeDatabase.ts";
import type { Source } from "./turn.ts";

/** A transcript that was found, not yet read. */
export interface Transcript {
  source: Source;
  path: string;
  /** Within a database; null: it is the whole file. */
  session: string | null;
  bytes: number;
  /** Milliseconds since the epoch. */
  changedAt: number;
}

export interface Search {
  /** Whose; default: everybody's. */
  sources?: readonly Source[];
  /** Only what was done in this folder or below; null: everywhere. */
  folder: string | null;
  /** Milliseconds since the epoch; what was not changed since then is left out. */
  since?: number;
  /** Default: this process's. */
  env?: NodeJS.ProcessEnv;
}

/** Where each keeps its transcripts, as its own variables and defaults say. */
function places(env: NodeJS.ProcessEnv): Record<Exclude<Source, "otel">, string[]> {
  const home = env.HOME ?? homedir();
  const codex = env.CODEX_HOME ?? join(home, ".codex");
  return {
    claude: [join(env.CLAUDE_CONFIG_DIR ?? join(home, ".claude"), "projects")],
    codex: [join(codex, "sessions"), join(codex, "archived_sessions")],
    pi: [join(env.PI_CODING_AGENT_DIR ?? join(home, ".pi", "agent"), "sessions")],
    opencode: [join(env.XDG_DATA_HOME ?? join(home, ".local", "share"), "opencode", "opencode.db")],
  };
}

/**
 * The transcripts that the agents of this user left at their default places, oldest first. What cannot be read is left
 * out.
 */
export function discover(search: Search): Transcript[] {
  const wanted = (source: Source) => search.sources?.includes(source) ?? true;
  return Object.entries(places(search.env ?? process.env))
    .flatMap(([source, paths]) =>
      wanted(source as Source)
        ? paths.filter((path) => existsSync(path)).flatMap((path) => within(path, source as Source, search))
        : [],
    )
    .sort((a, b) => a.changedAt - b.changedAt);
}

/**
 * The transcripts at a path that a person named: a file, a database, or a folder of them.
 *
 * @throws UserError when there is nothing, or nothing of a known format.
 */
export function transcriptsAt(
  path: string,
  source: Source | null,
  search: Pick<Search, "since">,
): Transcript[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw new UserError(`there is no ${path}`);
  const files = stat.isDirectory() ? filesBelow(path, [".jsonl", ".db"]) : [path];
  return files.flatMap((file) => {
    const from = source ?? sniff(file);
    if (from === null) {
      if (stat.isDirectory()) return [];
      throw new UserError(
        `${path} looks like no transcript that Whetstone knows`,
        "say whose it is with --from claude, codex, pi, opencode or otel",
      );
    }
    return within(file, from, { folder: null, ...search });
  });
}

function within(path: string, source: Source, { folder, since = 0 }: Search): Transcript[] {
  if (source === "opencode") return inDatabase(path, folder, since);
  const files = statSync(path).isDirectory() ? filesBelow(path, [".jsonl"]) : [path];
  return files.flatMap((file) => {
    const stat = statSync(file, { throwIfNoEntry: false });
    if (!stat?.isFile() || stat.mtimeMs < since) return [];
    const made = folderOf(file);
    if ((folder !== null && !lies(made, folder)) || (file !== path && isOurs(made))) return [];
    return [{ source, path: file, session: null, bytes: stat.size, changedAt: stat.mtimeMs }];
  });
}

function inDatabase(path: string, folder: string | null, since: number): Transcript[] {
  let db: ReturnType<typeof openOpencode>;
  try {
    db = openOpencode(path);
  } catch (error) {
    throw new UserError(
      `OpenCode's database ${path} cannot be read: ${(error as Error).message}`,
      "this version of OpenCode may keep its sessions in another way; --from leaves it out",
    );
  }
  try {
    return db
      .sessions()
      .filter(({ changedAt, folder: made }) => changedAt >= since && (folder === null || lies(made, folder)))
      .filter(({ folder: made }) => !isOurs(made))
      .map(({ id, bytes, changedAt }) => ({ source: "opencode", path, session: id, bytes, changedAt }));
  } finally {
    db.close();
  }
}

/**
 * Made by an agent that Whetstone set to work, in one of its working copies: that turn is on record already, and a run of
 * a test must not come back as something to learn from.
 */
function isOurs(folder: string | null): boolean {
  return folder?.split(sep).includes(".whetstone") ?? false;
}

function lies(inner: string | null, folder: string): boolean {
  if (inner === null) return false;
  const outer = resolve(folder);
  return inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);
}

function filesBelow(folder: string, ends: readonly string[]): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ends.some((end) => entry.name.endsWith(end)))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** The folder that a transcript was made in; each of these formats names it near the beginning. */
function folderOf(path: string): string | null {
  const found = /"cwd":("(?:[^"\\]|\\.)*")/.exec(headOf(path))?.[1];
  return found === undefined ? null : (JSON.parse(found) as string);
}

function sniff(path: string): Source | null {
  const head = headOf(path);
  if (head.startsWith("SQLite format 3\0")) return "opencode";
  if (/"resourceSpans"\s*:/.test(head)) return "otel";
  if (/"type":"session_meta"/.test(head)) return "codex";
  if (/^\{"type":"session",/.test(head)) return "pi";
  if (/"sessionId":"|"parentUuid":/.test(head)) return "claude";
  return null;
}

function headOf(path: string): string {
  const file = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(65_536);
    return buffer.toString("utf8", 0, readSync(file, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(file);
  }
}
