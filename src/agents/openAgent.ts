import type { ResearcherChoice } from "../contract/index.ts";
import { UserError } from "../errors.ts";
import type { AcpChoice } from "./acp/choice.ts";
import { presetBehind } from "./acp/launch.ts";
import type { Agent } from "./agent.ts";
import { commandAgent, type Launcher } from "./command/commandAgent.ts";
import { presets } from "./presets/index.ts";
import { plain } from "./presets/plain.ts";
import type { Preset } from "./presets/preset.ts";
import type { Environment } from "./presets/providers.ts";
import { lacking, locate } from "./program.ts";

/** A researcher of the contract that is an agent with a command line. */
export type AgentChoice = Extract<ResearcherChoice, { kind: "agent" | "command" }>;

/** The agent that a contract chose, ready for turns. */
export function openAgent(choice: AgentChoice, launcher: Launcher): Promise<Agent> {
  return Promise.resolve(commandAgent(presetOf(choice), choice, launcher));
}

/**
 * Looks whether an agent's program is on the PATH and its key or login there, without starting anything.
 *
 * @returns what it will say of its costs; undefined: its first turn shows that.
 * @throws UserError with what is missing.
 */
export function requireAgent(choice: AgentChoice | AcpChoice, env: Environment): Preset["reports"] {
  const preset = choice.kind === "acp" ? presetBehind(choice) : presetOf(choice);
  const missing = choice.kind === "agent" ? missingProgram(preset, env) : missingWord(choice.command, env);
  if (missing !== null) throw new UserError(missing, anybodyElse);
  const connection = preset.connect(env, choice.kind === "agent" ? choice.model : undefined);
  if (connection.kind === "none")
    throw new UserError(`${preset.name} has no key: ${connection.message}`, anybodyElse);
  return choice.kind === "acp" ? undefined : preset.reports;
}

function missingProgram({ program }: Preset, env: Environment): string | null {
  const located = locate(program, env, null);
  return "missing" in located ? located.missing : null;
}

function missingWord(command: string, env: Environment): string | null {
  const word = lacking(command, env);
  return word === null ? null : `${word} is not on your PATH, and \`${command}\` begins with it`;
}

const anybodyElse = "mend that, or let somebody else propose (`--researcher`)";

function presetOf(choice: AgentChoice): Preset {
  return choice.kind === "agent" ? presets[choice.agent] : plain(choice.command, choice.env, choice.hosts);
}
