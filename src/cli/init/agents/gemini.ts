import { type AgentSetup, longCall, mcp, type Start, stopHook } from "./agent.ts";

export function gemini(start: Start): AgentSetup {
  const [command, ...args] = mcp(start);
  const hook = stopHook(start, "gemini");
  return {
    name: "gemini",
    skills: [".agents/skills", ".claude/skills"],
    files: [
      {
        file: ".gemini/settings.json",
        what: "the MCP server",
        format: "json",
        path: ["mcpServers", "whetstone"],
        value: { command, args, timeout: longCall },
      },
      {
        file: ".gemini/settings.json",
        what: "a hook after each turn, which lets it end only when a limit is reached",
        format: "json list",
        path: ["hooks", "AfterAgent"],
        value: { hooks: [{ name: "whetstone", type: "command", command: hook, timeout: 30_000 }] },
        command: hook,
      },
    ],
    notes: ["Gemini CLI reads a project's settings once its folder is trusted"],
  };
}
