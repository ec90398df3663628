import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { installedPlaces } from "./packages.ts";

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
