import type { Criterion, Goal } from "./goal.ts";

/** A criterion in a sentence. */
export function criterionWords(criterion: Criterion): string {
  switch (criterion.kind) {
    case "command":
      return `the command \`${criterion.command}\` exits with 0`;
    case "file": {
      const holds = [
        criterion.contains === undefined ? null : `holds ${JSON.stringify(criterion.contains)}`,
        criterion.matches === undefined ? null : `matches /${criterion.matches}/`,
        criterion.json === undefined ? null : `is the JSON ${JSON.stringify(criterion.json)}`,
      ].filter((each) => each !== null);
      return `the file ${criterion.path} ${holds.length === 0 ? "exists" : holds.join(" and ")}`;
    }
    case "output":
      return `the final answer ${
        criterion.contains === undefined
          ? `matches /${criterion.matches}/`
          : `holds ${JSON.stringify(criterion.contains)}`
      }`;
    case "rubric":
      return criterion.text;
  }
}

/** A goal as those who work on it are told: without its hidden criteria. */
export function goalWords(goal: Goal): string {
  const total = goal.criteria.reduce((sum, { weight }) => sum + weight, 0);
  const told = goal.criteria.filter(({ hidden }) => !hidden);
  const criteria = told.map(
    (each) => `- ${criterionWords(each)} (${Math.round((100 * each.weight) / total)} %)`,
  );
  const met = told.length === 0 ? "" : `\n\n## It is met when\n\n${criteria.join("\n")}`;
  const apart =
    goal.hidden.length > 0 && told.some(({ kind }) => kind === "command")
      ? `\nThe checks bring files of their own (${goal.hidden.join(", ")}), which are not in your folder.\n`
      : "";
  return `# Goal: ${goal.title}\n\n${goal.text}${met}\n${apart}`;
}
