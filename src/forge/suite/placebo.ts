import type { Skill } from "../../skills/index.ts";

/** Sentences that are true of any work and tell nobody how to do any. */
const filler = [
  "This text accompanies the work and takes up room in the same way as other texts do.",
  "It was written in plain words, and each of its sentences stands for itself.",
  "Work consists of parts, and each part has a beginning, a middle and an end.",
  "Some parts take longer than others, as everybody knows who has done any of them.",
  "What is described here is of a general kind and refers to no particular matter.",
  "Texts like this one can be read from top to bottom, or from any place onwards.",
  "There are many kinds of tasks, and people have given names to most of them.",
  "The order of these sentences has no meaning and could have been another one.",
];

/**
 * A skill of the same name, description and length that says nothing: what it changes is not due to what the real one
 * says.
 */
export function placeboOf(skill: Skill): Skill {
  const lines = skill.instructions.split("\n");
  let next = 0;
  const instructions = lines
    .map((line) => {
      const [, mark = ""] = /^(\s*(?:[-*]|\d+\.|#+)?\s*)/.exec(line) ?? [];
      const room = line.length - mark.length;
      if (room <= 0) return line;
      let text = "";
      while (text.length < room) text += `${text === "" ? "" : " "}${filler[next++ % filler.length]}`;
      return mark + text.slice(0, room).trimEnd();
    })
    .join("\n");
  return { ...skill, instructions, files: new Map() };
}
