import { type AgentSetup, longCall, mcp, type Start, stopHook } from "./agent.ts";

export function codex(start: Start): AgentSetup {
  const [command, ...args] = mcp(start);
  const hook = stopHook(start, "codex");
  return {
    name: "codex",
    skills: [".agents/skills", ".claude/skills"],
    files: [
      {
        file: ".codex/config.toml",
        what: "the MCP server",
        format: "toml",
        table: ["mcp_servers", "whetstone"],
        // Its own default ends a tool call after a minute.
        values: { command, args, tool_timeout_sec: longCall / 1000, default_tools_approval_mode: "approve" },
      },
      {
        file: ".codex/hooks.json",
        what: "a stop hook, which lets it end only when a limit is reached",
        format: "json list",
        path: ["hooks", "Stop"],
        value: { hooks: [{ type: "command", command: hook, timeout: 30 }] },
        command: hook,
      },
    ],
    notes: [
      "Codex reads a project's .codex folder once the project is trusted, and its hooks once you trust them",
    ],
  };
}
