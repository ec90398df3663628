import { dollarsOf, provideModel } from "../agents/index.ts";
import type { ResearcherChoice } from "../contract/index.ts";
import { UserError } from "../errors.ts";
import type { Sandbox } from "../sandbox/index.ts";
import { modelResearcher } from "./model.ts";
import type { Researcher } from "./researcher.ts";
import { search } from "./search/search.ts";

/** Milliseconds that a call has beyond the times of its turns. */
const margin = 10_000;

/** What a researcher is opened with. */
export interface Surroundings {
  /** Keys are looked up here; it is handed on to nobody as a whole. */
  env: Readonly<Record<string, string | undefined>>;
  sandbox: Sandbox;
  /** The globs of what may change. */
  change: readonly string[];
}

/** The researcher that a contract names. @throws UserError when it is not to be had here: no key, no such provider. */
export async function openResearcher(choice: ResearcherChoice, { env }: Surroundings): Promise<Researcher> {
  switch (choice.kind) {
    case "search":
      return { ...search(choice.options), name: choice.name };
    case "model": {
      const { priced } = await provideModel(choice, env);
      const { maxOutput: output, time } = choice;
      return {
        ...modelResearcher(choice, env),
        reports: { tokens: true, dollars: priced !== null },
        // A malformed answer gets one more turn; each is cut off from inside first.
        time: 2 * time + margin,
        estimate: (promptTokens) => {
          // As many tokens as no usual tokenizer makes of a text of that length, and the longest answer.
          const input = 2 * promptTokens;
          const usage = { input, output, cached: null };
          return { tokens: input + output, dollars: priced === null ? null : dollarsOf(priced, usage) };
        },
      };
    }
    default:
      throw new UserError(
        `${choice.name} is not available yet`,
        "the built-in search is: `researcher: search`",
      );
  }
}
