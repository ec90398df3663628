import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { cachesFor } from "./caches.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "whet-caches-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

it("each state finds its own cache again, and never another's", async () => {
  const at = folder();
  const grants = [{ env: "TRITON_CACHE_DIR", shared: false }];
  const [first] = await cachesFor(grants, at, "one");
  writeFileSync(join(first?.host ?? "", "kernel"), "compiled");
  const [second] = await cachesFor(grants, at, "two");
  const [again] = await cachesFor(grants, at, "one");
  expect(existsSync(join(second?.host ?? "", "kernel"))).toBe(false);
  expect(again).toEqual(first);
  expect(again).toMatchObject({ at: { env: "TRITON_CACHE_DIR" }, writable: true });
  expect(existsSync(join(again?.host ?? "", "kernel"))).toBe(true);
});

it("a shared cache is one for all states", async () => {
  const at = folder();
  const grants = [{ env: "CARGO_TARGET_DIR", shared: true }];
  expect(await cachesFor(grants, at, "one")).toEqual(await cachesFor(grants, at, "two"));
});

it("the caches of states that were not used for long are removed", async () => {
  const at = folder();
  const grants = [{ env: "X", shared: false }];
  for (const state of ["base", "a", "base", "b", "base", "c", "base", "d"]) {
    await cachesFor(grants, at, state);
    // Times of files are finer than this on every file system.
    await sleep(20);
  }
  const left = ["base", "a", "b", "c", "d"].filter((state) => existsSync(join(at, "states", state)));
  expect(left).toEqual(["base", "c", "d"]);
});

it("without a grant nothing is made", async () => {
  const at = folder();
  expect(await cachesFor([], at, "one")).toEqual([]);
  expect(existsSync(join(at, "states"))).toBe(false);
});
