import { configuredModels } from "../agents/index.ts";
import type { Goal } from "./goal.ts";

/** Somebody who does the work: an agent's name, and its model where it is known. */
export interface Worker {
  name: string;
  model: string | null;
}

const families: [RegExp, string][] = [
  [/claude/i, "claude"],
  [/gpt|codex|(^|\/)o\d/i, "gpt"],
  [/gemini|gemma/i, "gemini"],
  [/llama/i, "llama"],
  [/qwen|qwq/i, "qwen"],
  [/mistral|mixtral|magistral|devstral|codestral/i, "mistral"],
  [/deepseek/i, "deepseek"],
  [/grok/i, "grok"],
  [/kimi|moonshot/i, "kimi"],
  [/glm/i, "glm"],
];

/** Who made a model, as far as its name tells; models of one family like each other's words. */
export function familyOf(model: string): string {
  return families.find(([pattern]) => pattern.test(model))?.[1] ?? (model.split("/")[0] as string);
}

/** What coding agents use when nobody says otherwise. */
const ownModels: Record<string, string> = { claude: "claude", codex: "gpt", gemini: "gemini" };

/** The family that a worker's model is of; null: nobody knows. */
function familyOfWorker({ name, model }: Worker): string | null {
  const known = model ?? ownModels[name];
  return known === undefined ? null : familyOf(known);
}

/** A sentence for each worker whose kin the judge is. */
export function kinshipWarnings(judge: string, workers: readonly Worker[]): string[] {
  return workers
    .filter((worker) => familyOfWorker(worker) === familyOf(judge))
    .map(
      ({ name }) =>
        `the judge ${judge} is of the same family as ${name}: models like the words of their own kind, so take one of another (--judge provider/model)`,
    );
}

/**
 * Who judges where nobody is named: a model that the goal names for something else, or that of a provider whose key is set,
 * as long as it is of another family than those who do the work. Null: there is none, and somebody must be named.
 *
 * @param named models that are there for something else: the planner's, other agents'.
 */
export function otherJudge(
  workers: readonly Worker[],
  named: readonly (string | null | undefined)[],
  env: Readonly<Record<string, string | undefined>>,
): string | null {
  const kin = new Set(workers.map(familyOfWorker));
  const models = [...named.filter((model) => model != null), ...configuredModels(env)];
  return models.find((model) => !kin.has(familyOf(model))) ?? null;
}

/** Whether a judge is needed at all. */
export const needsJudge = ({ criteria }: Pick<Goal, "criteria">) =>
  criteria.some(({ kind }) => kind === "rubric");
