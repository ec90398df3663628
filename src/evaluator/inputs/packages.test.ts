import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { holdsWhetstoneAlone, installedPlaces } from "./packages.ts";

it("looks for installed packages from the lab upwards and in each package of a workspace", async () => {
  const tree = mkdtempSync(join(tmpdir(), "whet-packages-"));
  for (const path of [
    "package.json",
    "packages/a/package.json",
    "packages/b/src/x.js",
    "node_modules/c/package.json",
  ]) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), "{}");
  }
  expect(await installedPlaces(tree, "packages/b")).toEqual([
    ...["packages/b/node_modules", "packages/node_modules", "node_modules", "packages/a/node_modules"],
  ]);
  expect(await installedPlaces(tree, "")).toEqual(["node_modules", "packages/a/node_modules"]);
  rmSync(tree, { recursive: true });
});

it.each([
  ['{"devDependencies": {"whetstone": "1.0.0"}}', true],
  ['{"dependencies": {"whetstone": "*"}, "devDependencies": {}}', true],
  ['{"devDependencies": {"whetstone": "1.0.0", "vite": "8"}}', false],
  ['{"dependencies": {"whetstone": "1.0.0"}, "workspaces": ["a"]}', false],
  ["{}", false],
  ["null", false],
  ["no JSON", false],
])("knows packages that are there for Whetstone alone: %s", async (manifest, alone) => {
  const folder = mkdtempSync(join(tmpdir(), "whet-packages-"));
  writeFileSync(join(folder, "package.json"), manifest);
  expect(await holdsWhetstoneAlone(join(folder, "node_modules"))).toBe(alone);
  rmSync(folder, { recursive: true });
});
