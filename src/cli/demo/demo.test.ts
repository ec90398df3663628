import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { forgeDemoCommand } from "../commands/forgeDemo.ts";

it("whet forge --demo replays a whole turn of the forge, byte for byte the same everywhere", async () => {
  let said = "";
  const code = await forgeDemoCommand((text) => {
    said += text.endsWith("\n") ? text : `${text}\n`;
  });
  const story = await readFile(join(import.meta.dirname, "../../../demos/forge/story.txt"), "utf8");
  expect(said).toBe(story);
  expect(code).toBe(0);
}, 120_000);
