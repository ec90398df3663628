import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { forgeDemoCommand } from "../commands/forgeDemo.ts";

const demo = join(import.meta.dirname, "../../../demos/forge");

it("replays a whole turn of the forge, byte for byte the same everywhere", async () => {
  let said = "";
  const code = await forgeDemoCommand((text) => {
    said += text.endsWith("\n") ? text : `${text}\n`;
  }, demo);
  expect(said).toBe(await readFile(join(demo, "story.txt"), "utf8"));
  expect(code).toBe(0);
});
