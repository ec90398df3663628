import { type AgentSetup, mcp, type Start, stopHook } from "./agent.ts";

export function cursor(start: Start): AgentSetup {
  const [command, ...args] = mcp(start);
  const hook = stopHook(start, "cursor");
  return {
    name: "cursor",
    skills: [".agents/skills", ".claude/skills"],
    files: [
      {
        file: ".cursor/mcp.json",
        what: "the MCP server",
        format: "json",
        path: ["mcpServers", "whetstone"],
        value: { command, args },
      },
      {
        file: ".cursor/hooks.json",
        what: "a stop hook, which lets it end only when a limit is reached",
        format: "json list",
        path: ["hooks", "stop"],
        // By itself Cursor goes on five times at most.
        value: { command: hook, loop_limit: 1000 },
        command: hook,
        defaults: { version: 1 },
      },
    ],
    notes: [],
  };
}
