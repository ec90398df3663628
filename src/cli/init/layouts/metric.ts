import { directionOf, printedMetric } from "../printed.ts";
import type { Detected, Layout } from "./found.ts";
import { startFiles } from "./imports.ts";
import { commandBehind } from "./packageScripts.ts";
import { recipeBehind } from "./recipes.ts";

/** Tools whose figures are read by name: what their command looks like, and which figure counts. */
const tools: readonly [RegExp, source: string, metric: string, direction: "minimize" | "maximize"][] = [
  [/\bvitest bench\b/, "vitest-bench", "hz", "maximize"],
  [/--benchmark-json/, "pytest-benchmark", "mean", "minimize"],
  [/\bcargo bench\b/, "criterion", "mean", "minimize"],
  [/\bgo test\b.*-bench/, "go-bench", "ns_per_op", "minimize"],
  [/\bhyperfine\b/, "hyperfine", "mean", "minimize"],
  [/\bsize-limit\b/, "size-limit", "size", "minimize"],
];

/** What the command is known to measure, else what the programs print that it starts. */
export const metric: Layout = async (folder, found) => {
  if (found.metric) return;
  if (found.run) {
    const behind = `${await commandBehind(folder, found.run.value)} ${await recipeBehind(folder, found.run.value)}`;
    if (!found.score && byTool(behind, found)) return;
  }
  for (const command of [found.score?.value, found.run?.value])
    for (const file of command === undefined ? [] : await startFiles(folder, command)) {
      const name = printedMetric(await folder.read(file));
      if (!name) continue;
      found.metric = { value: name, from: `what ${file} prints` };
      const way = directionOf(name);
      if (way) found.direction = { value: way, from: `the name ${name}` };
      return;
    }
};

function byTool(command: string, found: Detected): boolean {
  const tool = tools.find(([pattern]) => pattern.test(command));
  if (!tool) return false;
  const [, source, name, direction] = tool;
  const path = /--benchmark-json=(\S+)/.exec(command)?.[1];
  found.source = {
    value: path === undefined ? source : `{ preset: ${source}, path: ${path} }`,
    from: `what ${source} measures`,
  };
  found.metric = { value: name, from: `what ${source} measures` };
  found.direction = { value: direction, from: `what ${source} measures` };
  return true;
}
