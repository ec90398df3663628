import { replayLab } from "../../doctor/index.ts";
import { outOfWorkspace } from "../../lab/index.ts";
import { chainWords, isWhole } from "../../session/index.ts";
import { print, printJson } from "../output.ts";

export async function replayCommand(
  lab: string | undefined,
  options: { json?: boolean; tag?: string },
): Promise<number> {
  const result = await replayLab(outOfWorkspace(lab ?? "."), options.tag);
  if (options.json) printJson(result);
  else {
    print(`session ${result.tag}: ${result.experiments} decisions derived again from the recorded runs`);
    for (const { number, recorded, replayed } of result.differences)
      print(`  #${number}: recorded ${recorded}, replayed ${replayed}`);
    print(result.differences.length === 0 ? "all agree" : `${result.differences.length} differ`);
    print(chainWords(result.chain));
  }
  return result.differences.length === 0 && isWhole(result.chain) ? 0 : 1;
}
