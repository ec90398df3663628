import { autoresearch } from "./autoresearch.ts";
import { built } from "./built.ts";
import { cargo, go } from "./cargoAndGo.ts";
import { openEvolve, shinka } from "./evolution.ts";
import { openFolder } from "./folder.ts";
import type { Detected, Layout, Machine, ToolLayout } from "./found.ts";
import { gpu } from "./gpu.ts";
import { imported } from "./imports.ts";
import { ignoredInputs } from "./inputs.ts";
import { metric } from "./metric.ts";
import { packageScripts } from "./packageScripts.ts";
import { piAutoresearch } from "./piAutoresearch.ts";
import { praxlab } from "./praxlab.ts";
import { benchmarks, onlyProgram, scorer, trainingScript } from "./programs.ts";
import { pytest } from "./pytest.ts";
import { recipes } from "./recipes.ts";
import { skill } from "./skill.ts";
import { weco } from "./weco.ts";

export type { Detected, Fact, Machine } from "./found.ts";

/** The first that is there is the whole folder's. A leaf of PraxLab may lie in autoresearch's files. */
const tools: readonly ToolLayout[] = [praxlab, piAutoresearch, autoresearch, openEvolve, shinka, weco];
/** Each adds what the ones before it left open. */
const ordinary: readonly Layout[] = [
  ...[packageScripts, scorer, benchmarks, trainingScript, recipes, cargo, go],
  // Only where none of those is there.
  ...[built, onlyProgram],
];
const always: readonly Layout[] = [pytest, ignoredInputs, imported, metric, gpu, skill];

/**
 * Looks at file names, package scripts and the texts of a few files; runs nothing, writes nothing.
 *
 * @param machine what the machine has; default: this one.
 */
export async function detect(path: string, machine?: Machine): Promise<Detected> {
  const folder = await openFolder(path, machine);
  const isLab = hasFrontMatter(await folder.read("program.md"));
  const found: Detected = { hasProse: folder.has("program.md") && !isLab, isLab, notes: [] };
  if (!(await isOfTool(tools, folder, found))) for (const layout of ordinary) await layout(folder, found);
  for (const layout of always) await layout(folder, found);
  return found;
}

async function isOfTool(layouts: readonly ToolLayout[], ...given: Parameters<ToolLayout>): Promise<boolean> {
  for (const layout of layouts) if (await layout(...given)) return true;
  return false;
}

/** Whether a text begins with front matter, closed or not. */
function hasFrontMatter(text: string): boolean {
  return /^\uFEFF?---[ \t]*\r?\n/.test(text);
}
