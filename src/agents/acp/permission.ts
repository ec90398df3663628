import type { ToolCallUpdate } from "@agentclientprotocol/sdk/unstable";
import { mayChange } from "../../repo/index.ts";
import { pathIn, type SeenFolder } from "./folder.ts";
import { toolOf } from "./updates.ts";

/** What the contract lets an agent touch. */
export interface Grounds {
  folder: SeenFolder;
  /** The lab's path in the folder ("" for its root). */
  cwd: string;
  /** The contract's globs, relative to the lab. */
  change: readonly string[];
  /** Name of the MCP server that was handed to the agent, whose tools it may call. */
  mcp?: string;
}

export type Permission = "granted" | { refused: string } | "asked";

/**
 * What the contract says to a tool call for which an agent wants permission: changes of editable files and looks at
 * the working copy are granted, questions to a person are known as such, and everything else is refused.
 */
export function permissionFor(call: ToolCallUpdate, grounds: Grounds): Permission {
  const tool = toolOf(call);
  if (isQuestion(call)) return "asked";
  if (grounds.mcp !== undefined && isToolOf(grounds.mcp, call)) return "granted";
  const paths = pathsOf(call);
  const kind = call.kind ?? (call.content?.some(({ type }) => type === "diff") ? "edit" : "other");
  switch (kind) {
    case "read":
    case "search": {
      const outside = paths.find((path) => pathIn(grounds.folder, grounds.cwd, path) === null);
      return outside === undefined ? "granted" : { refused: `${outside} is outside the working copy` };
    }
    case "edit":
    case "delete":
    case "move": {
      if (paths.length === 0) return { refused: `${tool} does not say which file it changes` };
      const forbidden = paths.find((path) => !isEditable(path, grounds));
      return forbidden === undefined
        ? "granted"
        : { refused: `${forbidden} may not be changed, only ${grounds.change.join(", ")}` };
    }
    default:
      return { refused: `only changes of ${grounds.change.join(", ")} are permitted, and ${tool} is none` };
  }
}

/** Whether a path that the agent named is one of the files that a candidate may touch. */
export function isEditable(path: string, { folder, cwd, change }: Grounds): boolean {
  const inFolder = pathIn(folder, cwd, path);
  if (inFolder === null) return false;
  const prefix = cwd === "" ? "" : `${cwd}/`;
  return inFolder.startsWith(prefix) && mayChange(change, inFolder.slice(prefix.length));
}

/** Every path that a call names, wherever agents put it. */
function pathsOf(call: ToolCallUpdate): string[] {
  const found = new Set<string>();
  for (const { path } of call.locations ?? []) found.add(path);
  for (const part of call.content ?? []) if (part.type === "diff") found.add(part.path);
  const input = call.rawInput;
  if (typeof input === "object" && input !== null) {
    const named = input as Record<string, unknown>;
    for (const key of ["path", "file_path", "filePath", "filepath", "absolute_path", "notebook_path"])
      if (typeof named[key] === "string") found.add(named[key]);
    const { changes } = named;
    if (typeof changes === "object" && changes !== null && !Array.isArray(changes))
      for (const path of Object.keys(changes)) found.add(path);
  }
  return [...found];
}

function isQuestion({ name, title, kind }: ToolCallUpdate): boolean {
  if (kind != null && kind !== "other" && kind !== "think") return false;
  return /^(ask_?user|ask_?user_?question|request_?user_?input|question)$/i.test(name ?? title ?? "");
}

/** Agents name the tools of a server `mcp__lab__try`, `mcp_lab_try`, `lab_try` or `lab: try`. */
function isToolOf(server: string, { name, title, kind }: ToolCallUpdate): boolean {
  if (kind === "edit" || kind === "execute" || kind === "delete" || kind === "move") return false;
  const said = name ?? title ?? "";
  return [`mcp__${server}__`, `mcp_${server}_`, `${server}_`, `${server}:`, `${server}/`].some((prefix) =>
    said.startsWith(prefix),
  );
}
