/** What one coding agent needs to find Whetstone in a project. Paths are relative to the project's root. */
export interface AgentSetup {
  name: string;
  /** Where it looks for skills. */
  skills: readonly (".agents/skills" | ".claude/skills")[];
  files: readonly Merge[];
  /** What a person should know or do, one sentence each. */
  notes: readonly string[];
}

/** A part that is put into a configuration file; everything else in the file stays. */
export type Merge =
  /** `value` goes to the place that `path` names, unless something is there already. */
  | { file: string; what: string; format: "json"; path: readonly string[]; value: unknown; defaults?: object }
  /** `value` is one more entry of the list at `path`, unless an entry with the same command is there. */
  | {
      file: string;
      what: string;
      format: "json list";
      path: readonly string[];
      value: unknown;
      command: string;
      defaults?: object;
    }
  /** A table at the file's end, unless there is one of that name. */
  | { file: string; what: string; format: "toml"; table: readonly string[]; values: Record<string, unknown> };

/** How to start Whetstone from the project's root. */
export interface Start {
  /** `["whet"]`, or `["npx", "whet"]` where the project has its own. */
  program: readonly [string, ...string[]];
  /** The lab's path in the project, "" for the root. */
  lab: string;
}

/** Milliseconds that a tool call may take: a try runs many evaluations. */
export const longCall = 6 * 3_600_000;

/** The words of the command that speaks MCP on its standard input and output. */
export function mcp({ program, lab }: Start): [string, ...string[]] {
  return [...program, "mcp", ...(lab === "" ? [] : [lab])];
}

/** The command line of the stop hook. */
export function stopHook({ program, lab }: Start, agent: string): string {
  const words = [...program, "hook", "stop", "--for", agent, ...(lab === "" ? [] : [lab])];
  return words
    .map((word) => (/^[\w./@:+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
}
