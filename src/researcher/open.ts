import { acpAgent, openAgent, provideModel, requireAgent } from "../agents/index.ts";
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

/** What can be said of a researcher before it is opened. */
export type Foreseen = Pick<Researcher, "name" | "paid" | "reports">;

/**
 * Looks whether a researcher could be asked: its program, its provider, its key. Nothing is started and nobody asked.
 *
 * @throws UserError with what is missing.
 */
export async function foresee(choice: ResearcherChoice, env: Surroundings["env"]): Promise<Foreseen> {
  switch (choice.kind) {
    case "search":
      return { name: choice.name };
    case "model":
      await provideModel(choice, env);
      return modelResearcher(choice, env);
    default: {
      const reports = requireAgent(choice, env);
      return { name: choice.name, paid: true, ...(reports ? { reports } : {}) };
    }
  }
}

/** The researcher that a contract names; whether it can be asked, `foresee` tells. */
export async function openResearcher(choice: ResearcherChoice, around: Surroundings): Promise<Researcher> {
  const { env, change, onNotice } = around;
  switch (choice.kind) {
    case "search":
      return { ...search(choice.options), name: choice.name };
    case "model":
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
