import { type AgentSetup, longCall, mcp, type Start } from "./agent.ts";

export function opencode(start: Start): AgentSetup {
  return {
    name: "opencode",
    skills: [".agents/skills", ".claude/skills"],
    files: [
      {
        file: "opencode.json",
        what: "the MCP server",
        format: "json",
        path: ["mcp", "whetstone"],
        value: { type: "local", command: mcp(start), enabled: true, timeout: longCall },
        defaults: { $schema: "https://opencode.ai/config.json" },
      },
    ],
    notes: ["opencode has no stop hook in its configuration: it ends when it thinks that it is done"],
  };
}
