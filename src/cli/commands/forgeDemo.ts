import { existsSync } from "node:fs";
import { mkdtemp, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openCassette } from "../../agents/index.ts";
import { RunFailed, UserError } from "../../errors.ts";
import { removeTree } from "../../evaluator/index.ts";
import { openLedger } from "../../ledger/index.ts";
import { forgeDemo } from "../demo/forgeDemo.ts";
import { storyteller } from "../demo/story.ts";
import { print } from "../output.ts";

/**
 * `whet forge --demo`: one whole turn of the forge in a folder that is thrown away. Goals, tools, checks, analysis and
 * statistics run for real; only the model's answers come from a cassette.
 */
export async function forgeDemoCommand(
  say: (text: string) => void = print,
  files: string = demoFiles(),
): Promise<number> {
  const root = await realpath(await mkdtemp(join(tmpdir(), "whetstone-demo-")));
  const cassette = await openCassette({
    file: join(files, "model.jsonl.gz"),
    places: { [root]: "<project>" },
  });
  const ledger = await openLedger(join(root, ".whetstone", "ledger.db"));
  const requireHit = () => {
    const [miss] = cassette.misses;
    if (miss !== undefined)
      throw new RunFailed(
        `the demo cannot be replayed by this version of whetstone: ${miss}`,
        "it was recorded with another one: please report it",
      );
  };
  try {
    say(`One turn of the forge, replayed without a key.\n\n${folded(cassette.about)}\n`);
    const tell = storyteller();
    await forgeDemo({
      ...{ ledger, root, files, url: cassette.url },
      tell: (scene) => {
        requireHit();
        const words = tell(scene);
        if (words !== "") say(words);
      },
    });
    say("\nOn your own work: `whet goal run`, then `whet forge run --suite FOLDER --model provider/name`.\n");
    return 0;
  } catch (error) {
    requireHit();
    throw error;
  } finally {
    await ledger.close();
    await cassette.close();
    await removeTree(root);
  }
}

/** Lines of at most 100 characters. */
function folded(text: string): string {
  return text.replaceAll(/(.{1,100})(?:\s+|$)/g, "$1\n");
}

/** Beside `dist` when built, above `src` in a checkout. */
function demoFiles(): string {
  for (const up of ["../demos/forge", "../../../demos/forge"]) {
    const path = fileURLToPath(new URL(up, import.meta.url));
    if (existsSync(path)) return path;
  }
  throw new UserError("the demo is missing from this installation", "install whetstone again");
}
