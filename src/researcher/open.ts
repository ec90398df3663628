import { acpAgent, openAgent, provideModel } from "../agents/index.ts";
import type { ResearcherChoice } from "../contract/index.ts";
import type { Sandbox } from "../sandbox/index.ts";
import { agentResearcher } from "./agent.ts";
import { modelResearcher } from "./model.ts";
import type { Researcher } from "./researcher.ts";
import { search } from "./search/search.ts";

/** What a researcher is opened with. */
export interface Surroundings {
  /** Keys are looked up here; it is handed on to nobody as a whole. */
  env: Readonly<Record<string, string | undefined>>;
  sandbox: Sandbox;
  /** The globs of what may change. */
  change: readonly string[];
  onNotice?: (text: string) => void;
}

/** Milliseconds that an agent has beyond its turn's time: it is cut off from inside first. */
const margin = 30_000;

/**
 * The researcher that a contract names. Whether an agent's program is there shows with its first turn.
 *
 * @throws UserError when a model's provider is unknown, or its key missing.
 */
export async function openResearcher(choice: ResearcherChoice, around: Surroundings): Promise<Researcher> {
  const { env, change, onNotice } = around;
  switch (choice.kind) {
    case "search":
      return { ...search(choice.options), name: choice.name };
    case "model":
      // Better now than after the baseline was measured.
      await provideModel(choice, env);
      return modelResearcher(choice, env);
    case "acp":
      return inTime(agentResearcher(choice, acpAgent(choice, around, change), onNotice), choice.time);
    default:
      return inTime(agentResearcher(choice, await openAgent(choice, around), onNotice), choice.time);
  }
}

function inTime(researcher: Researcher, time: number): Researcher {
  return { ...researcher, time: time + margin };
}
