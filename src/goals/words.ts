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

export function goalWords(goal: Goal): string {
  const total = goal.criteria.reduce((sum, { weight }) => sum + weight, 0);
  const criteria = goal.criteria.map(
    (each) => `- ${criterionWords(each)} (${Math.round((100 * each.weight) / total)} %)`,
  );
  const hidden =
    goal.hidden === undefined || goal.hidden.length === 0
      ? ""
      : `\nThe checks bring their own files (${goal.hidden.join(", ")}): these are not in your folder, and you cannot run them.\n`;
  return `# Goal: ${goal.title}\n\n${goal.text}\n\n## It is met when\n\n${criteria.join("\n")}\n${hidden}`;
}
