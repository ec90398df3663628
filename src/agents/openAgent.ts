import type { ResearcherChoice } from "../contract/index.ts";
import type { Agent } from "./agent.ts";
import { commandAgent, type Launcher } from "./command/commandAgent.ts";
import { presets } from "./presets/index.ts";
import { plain } from "./presets/plain.ts";

/** A researcher of the contract that is an agent with a command line. */
export type AgentChoice = Extract<ResearcherChoice, { kind: "agent" | "command" }>;

/** The agent that a contract chose, ready for turns. Whether its program is there shows with the first one. */
export function openAgent(choice: AgentChoice, launcher: Launcher): Promise<Agent> {
  const preset =
    choice.kind === "agent" ? presets[choice.agent] : plain(choice.command, choice.env, choice.hosts);
  return Promise.resolve(commandAgent(preset, choice, launcher));
}
