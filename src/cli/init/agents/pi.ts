import type { AgentSetup } from "./agent.ts";

export function pi(): AgentSetup {
  return {
    name: "pi",
    skills: [".agents/skills", ".claude/skills"],
    files: [],
    notes: [
      "pi has neither MCP nor a stop hook of its own: it works with the skill and the command line",
      "newer versions of pi read a project's skills only when started with --approve",
    ],
  };
}
