import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { forgeDemoCommand } from "../commands/forgeDemo.ts";

const demos = join(import.meta.dirname, "../../../demos");
const recorded = ["forge", "house"].filter((name) => existsSync(join(demos, name, "model.jsonl.gz")));

it.each(recorded)(
  "demos/%s replays a whole turn of the forge, byte for byte the same everywhere",
  async (name) => {
    let said = "";
    const code = await forgeDemoCommand(
      (text) => {
        said += text.endsWith("\n") ? text : `${text}\n`;
      },
      join(demos, name),
    );
    expect(said).toBe(await readFile(join(demos, name, "story.txt"), "utf8"));
    expect(code).toBe(0);
  },
  120_000,
);
