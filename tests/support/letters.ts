import type { ModelRequest } from "./modelServer/index.ts";

/** All that a model was told: its instructions and what tools gave it. */
export const told = ({ system, messages }: ModelRequest) =>
  system + messages.flatMap(({ results }) => results.map(({ text }) => text)).join("\n");

/** A skill about letters. */
export const skillText = (name: string, text: string) =>
  `---\nname: ${name}\ndescription: How letters are written. Use it when you write a letter.\n---\n\n${text}\n`;
/** Goals of a suite: letters that end with AMEN. */
export const letters = (of: readonly string[], more: Record<string, unknown>[] = []) =>
  JSON.stringify({
    skill_name: "closing-words",
    evals: of.map((name, index) => ({
      ...{ id: index + 1, prompt: `Write letter ${index} to ${name}.`, ...more[index] },
      expectations: [{ output: { matches: "AMEN$" }, name: "it closes well" }],
    })),
  });
export const names = ["Ada", "Bob", "Cy", "Dee", "Eva", "Flo", "Gus", "Hal", "Ivy", "Joe", "Kay", "Lou"];
