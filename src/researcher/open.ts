import type { ResearcherChoice } from "../contract/index.ts";
import { UserError } from "../errors.ts";
import type { Sandbox } from "../sandbox/index.ts";
import type { Researcher } from "./researcher.ts";
import { search } from "./search/search.ts";

/** What a researcher is opened with. */
export interface Surroundings {
  /** Keys are looked up here; it is handed on to nobody as a whole. */
  env: Readonly<Record<string, string | undefined>>;
  sandbox: Sandbox;
  /** The lab's folder. */
  lab: string;
}

/** The researcher that a contract names. @throws UserError when it is not to be had here. */
export async function openResearcher(choice: ResearcherChoice, _with: Surroundings): Promise<Researcher> {
  if (choice.kind === "search") return { ...search(choice.options), name: choice.name };
  throw new UserError(`${choice.name} is not available yet`, "the built-in search is: `researcher: search`");
}
