import { type AgentSetup, mcp, type Start, stopHook } from "./agent.ts";

export function claude(start: Start): AgentSetup {
  const [command, ...args] = mcp(start);
  const hook = stopHook(start, "claude");
  return {
    name: "claude",
    skills: [".claude/skills", ".agents/skills"],
    files: [
      {
        file: ".mcp.json",
        what: "the MCP server",
        format: "json",
        path: ["mcpServers", "whetstone"],
        value: { command, args },
      },
      {
        file: ".claude/settings.json",
        what: "a stop hook, which lets it end only when a limit is reached",
        format: "json list",
        path: ["hooks", "Stop"],
        value: { hooks: [{ type: "command", command: hook, timeout: 30 }] },
        command: hook,
      },
    ],
    notes: ["Claude Code asks once whether it may use the project's MCP server and hooks"],
  };
}
