import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openSandbox } from "./open.ts";

it("no command at L2 sees Whetstone's own key, though a folder above it is shown", async (context) => {
  const state = mkdtempSync(join(tmpdir(), "whet-state-"));
  const tree = mkdtempSync(join(tmpdir(), "whet-tree-"));
  const before = process.env.XDG_STATE_HOME;
  process.env.XDG_STATE_HOME = state;
  onTestFinished(() => {
    if (before === undefined) delete process.env.XDG_STATE_HOME;
    else process.env.XDG_STATE_HOME = before;
    for (const each of [state, tree]) rmSync(each, { recursive: true, force: true });
  });
  mkdirSync(join(state, "whetstone"));
  writeFileSync(join(state, "whetstone", "seal.key"), "k".repeat(32));
  writeFileSync(join(state, "other"), "shown");
  const sandbox = await openSandbox();
  if (sandbox.isolation.level !== "L2") return context.skip("there is no bubblewrap here");
  const outcome = await sandbox.start({
    ...{ command: `cat ${state}/other; cat ${state}/whetstone/seal.key`, tree, cwd: "", hidden: [], env: {} },
    mounts: [{ host: state, at: { path: state }, writable: false }],
    limits: {
      ...{ time: 20_000, memory: 2 ** 28, processes: 32, fileSize: 2 ** 20, disk: 2 ** 24 },
      ...{ output: 2 ** 16, network: false },
    },
  }).done;
  expect(outcome.stdout).toBe("shown");
});
