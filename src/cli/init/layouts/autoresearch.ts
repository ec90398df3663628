import { directionOf, printedMetric, wayOfProse } from "../printed.ts";
import { type Detected, duration, type Folder, type ToolLayout } from "./found.ts";
import { commandFor, environmentOf, usesUv } from "./python.ts";

/**
 * Autoresearch and its forks: prose in program.md, a fixed prepare.py that keeps its data below `~/.cache`, and the one
 * editable train.py.
 */
export const autoresearch: ToolLayout = async (folder, found) => {
  if (!folder.has("train.py") || !folder.has("prepare.py")) return false;
  const from = "train.py and prepare.py, as autoresearch lays them out";
  const [train = "", prepare = "", prose = ""] = await Promise.all(
    ["train.py", "prepare.py", "program.md"].map((name) => folder.read(name)),
  );
  found.change ??= { value: "train.py", from };
  found.run ??= { value: await commandFor(folder, "train.py"), from };
  metric(found, train, prose);
  // The budget of training does not hold start-up, compilation and the final evaluation.
  const seconds = Number(/^TIME_BUDGET\s*=\s*(\d+)/m.exec(`${prepare}\n${train}`)?.[1] ?? 300);
  found.budget ??= { value: duration(2 * seconds), from: `twice the ${seconds} seconds of training` };
  found.limits = {
    value: { memory: "32GB", processes: "4096" },
    from: "torch and its compiler need more than the defaults",
  };
  caches(folder, found, `${prepare}\n${train}`);
  if (environmentOf(folder) === null && (await usesUv(folder)))
    found.notes.push(
      "there is no .venv yet, and a run has no network to make one: run `uv sync` before `whet check`",
    );
  if (folder.has("results.tsv"))
    found.notes.push(
      "results.tsv stays as it is; .whetstone/results.tsv begins with its rows and goes on with those of Whetstone, in the same five columns",
    );
  return true;
};

function metric(found: Detected, train: string, prose: string): void {
  if (found.metric) return;
  if (/\bval_bpb\b/.test(`${train}${prose}`)) {
    found.metric = { value: "val_bpb", from: "val_bpb in train.py" };
    found.direction = { value: "minimize", from: "bits per byte: fewer are better" };
    return;
  }
  const name = printedMetric(train);
  if (name) found.metric = { value: name, from: "what train.py prints" };
  const way = (name && directionOf(name)) || wayOfProse(prose);
  if (way) found.direction = { value: way, from: "its name and program.md" };
}

/** Data that were downloaded to the user's cache: shown read-only, where they are there. */
function caches(folder: Folder, found: Detected, text: string): void {
  const names = [...text.matchAll(/["']\.cache["'],\s*["']([\w.-]+)["']|~\/\.cache\/([\w.-]+)/g)].map(
    (match) => (match[1] ?? match[2]) as string,
  );
  for (const name of new Set(names)) {
    const path = `~/.cache/${name}`;
    if (folder.machine.has(`${folder.machine.home}/.cache/${name}`))
      found.inputs = {
        value: [...(found.inputs?.value ?? []), path],
        from: "where prepare.py keeps its data",
      };
    else
      found.notes.push(
        `prepare.py keeps its data in ${path}, which is not there yet: run it once, then add \`inputs: [${path}]\` to program.md`,
      );
  }
}
