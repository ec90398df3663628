import type { ModelTool } from "../../agents/index.ts";
import type { Sandbox } from "../../sandbox/index.ts";
import { editTool } from "./edit.ts";
import { fetchTool } from "./fetch.ts";
import { javascriptTool } from "./javascript.ts";
import { listTool } from "./list.ts";
import type { ToolContext } from "./place.ts";
import { readTool } from "./read.ts";
import { runTool } from "./run.ts";
import { searchTool } from "./search.ts";
import { writeTool } from "./write.ts";

const makers: Record<string, (context: ToolContext, sandbox: Sandbox) => ModelTool> = {
  read: readTool,
  write: writeTool,
  edit: editTool,
  list: listTool,
  search: (context) => searchTool(context),
  run: runTool,
  javascript: javascriptTool,
  fetch: () => fetchTool(),
};

export const builtInTools: readonly string[] = Object.keys(makers);

/** Other tools call these by other names; agents' files say them. */
const otherNames: Record<string, string> = {
  bash: "run",
  shell: "run",
  multiedit: "edit",
  glob: "list",
  ls: "list",
  grep: "search",
  webfetch: "fetch",
};

/** Our name for a tool. */
export function toolName(name: string): string {
  const plain = name.toLowerCase();
  return otherNames[plain] ?? plain;
}

/** The built-in tools that a goal (or an agent's file) names; all but `fetch` where it names none. */
export function allowedTools(names: readonly string[]): string[] {
  const wanted = names.map(toolName);
  return builtInTools.filter((name) => (names.length === 0 ? name !== "fetch" : wanted.includes(name)));
}

export function makeTools(names: readonly string[], context: ToolContext, sandbox: Sandbox): ModelTool[] {
  return names.flatMap((name) => makers[name]?.(context, sandbox) ?? []);
}
