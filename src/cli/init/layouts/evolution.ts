import type { Detected, Folder, ToolLayout } from "./found.ts";

/** OpenEvolve: a program with an EVOLVE-BLOCK, and an `evaluator.py` with a function `evaluate`. */
export const openEvolve: ToolLayout = async (folder, found) => {
  const evaluator = await folder.read("evaluator.py");
  if (!/^(?:async )?def evaluate(?:_stage1)?\(/m.test(evaluator)) return false;
  const start = await initialProgram(folder, ["initial_program.py"], "evaluator.py");
  if (start === null) return false;
  scored(found, { kind: "openevolve", file: "evaluator.py" }, start);
  const iterations = Number(/^max_iterations:\s*(\d+)/m.exec(await folder.read("config.yaml"))?.[1] ?? 0);
  if (iterations > 0)
    found.session = { value: { experiments: String(iterations) }, from: "config.yaml, max_iterations" };
  return true;
};

/** ShinkaEvolve: `initial.py`, and an `evaluate.py` that is given a program's path and a folder for its results. */
export const shinka: ToolLayout = async (folder, found) => {
  const evaluate = await folder.read("evaluate.py");
  if (!/run_shinka_eval|results_dir/.test(evaluate)) return false;
  const start = await initialProgram(folder, ["initial.py"], "evaluate.py");
  if (start === null) return false;
  scored(found, { kind: "shinka", file: "evaluate.py" }, start);
  return true;
};

async function initialProgram(
  folder: Folder,
  names: readonly string[],
  evaluator: string,
): Promise<string | null> {
  const known = names.find((name) => folder.has(name));
  if (known !== undefined) return known;
  for (const name of folder.names)
    if (name.endsWith(".py") && name !== evaluator && /EVOLVE-BLOCK-START/.test(await folder.read(name)))
      return name;
  return null;
}

function scored(
  found: Detected,
  evaluator: { kind: "openevolve" | "shinka"; file: string },
  start: string,
): void {
  const from = `${start} and ${evaluator.file}`;
  found.evaluator = { value: evaluator, from };
  found.change = { value: start, from };
  found.metric = { value: "combined_score", from: `the score of ${evaluator.file}` };
  found.direction = { value: "maximize", from: "a higher score is better there" };
}
