import { directionOf, printedMetric } from "../printed.ts";
import type { Detected, Folder, ToolLayout } from "./found.ts";
import { commandFor } from "./python.ts";

/** Weco: a `weco run` command written down somewhere, or an `evaluate.py` that is given the module's path. */
export const weco: ToolLayout = async (folder, found) =>
  (await written(folder, found)) || evaluated(folder, found);

/** The command line says everything: source, evaluation, metric and goal. */
async function written(folder: Folder, found: Detected): Promise<boolean> {
  for (const name of folder.names.filter((each) => /\.(sh|md)$|^Makefile$|^justfile$/.test(each))) {
    const line = /\bweco run\b((?:\\\n|[^\n])*)/.exec(await folder.read(name))?.[1]?.replaceAll("\\\n", " ");
    const flag = (long: string, short: string) => {
      const match = new RegExp(`(?:--${long}|\\s-${short})[ =]+(?:"([^"]*)"|'([^']*)'|(\\S+))`).exec(
        line ?? "",
      );
      return match?.[1] ?? match?.[2] ?? match?.[3];
    };
    const [source, command] = [flag("source", "s"), flag("eval-command", "c")];
    if (source === undefined || command === undefined) continue;
    const from = `\`weco run\` in ${name}`;
    found.change = { value: source, from };
    found.run = { value: command, from };
    const [metric, goal] = [flag("metric", "m"), flag("goal", "g")];
    if (metric !== undefined) found.metric = { value: metric, from };
    if (goal !== undefined) found.direction = { value: /^min/.test(goal) ? "minimize" : "maximize", from };
    return true;
  }
  return false;
}

/** The evaluation script takes the path of the one other program beside it. */
async function evaluated(folder: Folder, found: Detected): Promise<boolean> {
  const script = await folder.read("evaluate.py");
  const option = /add_argument\(\s*["'](--(?:path|source|solution[-_]path|module[-_]path))["']/.exec(
    script,
  )?.[1];
  const others = folder.names.filter(
    (name) => name.endsWith(".py") && name !== "evaluate.py" && !/^(test_|setup\.|conftest)/.test(name),
  );
  if (option === undefined || others.length !== 1) return false;
  const from = "evaluate.py, which is given a path";
  found.change = { value: others[0] as string, from };
  found.run = { value: `${await commandFor(folder, "evaluate.py")} ${option} ${others[0]}`, from };
  const name = printedMetric(script);
  const way = name && directionOf(name);
  if (name) found.metric = { value: name, from: "what evaluate.py prints" };
  if (way) found.direction = { value: way, from: `the name ${name}` };
  return true;
}
