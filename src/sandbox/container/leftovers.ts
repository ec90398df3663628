import { labMark } from "../temporary.ts";
import { askEngine } from "./client.ts";
import { listArguments, removeArguments } from "./commandLine.ts";
import { type Engine, findEngines } from "./engine.ts";

/** Containers that a killed process left behind. */
export interface Leftovers {
  engine: Engine;
  /** Their numbers. */
  containers: string[];
}

/**
 * The containers of a lab that are still there, by their label. Only meaningful while nothing of the lab runs.
 *
 * @param work the lab's working folder.
 * @param engines where to look; default: every engine that answers.
 */
export async function leftContainers(work: string, engines?: readonly Engine[]): Promise<Leftovers[]> {
  const found: Leftovers[] = [];
  for (const engine of engines ?? (await findEngines())) {
    const said = await askEngine(engine.program, listArguments(labMark(work)));
    const containers = said.output.split("\n").filter((line) => /^[0-9a-f]{12,64}$/.test(line));
    if (said.succeeded && containers.length > 0) found.push({ engine, containers });
  }
  return found;
}

/** Ends and removes them. */
export async function removeContainers(leftovers: readonly Leftovers[]): Promise<void> {
  for (const { engine, containers } of leftovers)
    await askEngine(engine.program, removeArguments(engine, containers));
}
