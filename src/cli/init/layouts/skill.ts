import type { Layout } from "./found.ts";

/** A skill is no lab: whether it helps is told by a test of skills. */
export const skill: Layout = async (folder, found) => {
  if (!folder.has("SKILL.md")) return;
  const suite = folder.has("evals") ? "evals" : "SUITE";
  found.notes.push(
    `SKILL.md: whether a skill helps is measured by \`whet skill test . --suite ${suite} --model PROVIDER/MODEL\` (docs/forge.md); a lab is for code with a number`,
  );
};
