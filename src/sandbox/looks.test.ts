import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { type Limits, openSandbox } from "./index.ts";
import { openLooks } from "./looks.ts";
import { numbersIn, readProcess } from "./processes.ts";

const limits: Limits = {
  ...{ time: 60_000, memory: 2 ** 29, processes: 60, fileSize: 2 ** 20, disk: 2 ** 20, output: 2 ** 20 },
  network: false,
};
const levels = (await openSandbox()).isolation.level === "L2" ? (["L0", "L2"] as const) : (["L0"] as const);

/** Names of programs, sorted. */
function programs(folders: readonly string[]): string[] {
  return folders.map((folder) => readFileSync(`${folder}/comm`, "utf8").trim()).sort();
}

describe.runIf(process.platform === "linux").each(levels)("looks at a run at %s", (level) => {
  const tree = mkdtempSync(join(tmpdir(), "whet-looks-"));
  afterAll(() => rmSync(tree, { recursive: true, force: true }));

  it("see in the run's own /proc what a look through all processes sees, orphans and sessions of their own included", async () => {
    const sandbox = await openSandbox(level === "L0" ? { level } : {});
    const contained = sandbox.isolation.enforced.some((each) => each.includes("(process namespace)"));
    const earlier = new Set(children());
    const running = sandbox.start({
      ...{ command: "(setsid sh -c 'sleep 61 & sleep 62 & wait' &); sleep 63 & echo up; sleep 64", tree },
      ...{ cwd: "", hidden: [], env: {}, mounts: [], limits, onLine: () => {} },
    });
    try {
      const root = children().find((pid) => !earlier.has(pid)) as number;
      const [all, own] = [openLooks(4096, false), openLooks(4096, true)];
      const sleeping = () =>
        programs(all.look(root)?.folders ?? []).filter((each) => each === "sleep").length;
      const wanted = contained ? 4 : 2;
      for (let wait = 0; wait < 400 && sleeping() < wanted; wait++) await sleep(25);
      const [through, within] = [all.look(root), own.look(root)];
      expect(programs(within?.folders ?? [])).toEqual(programs(through?.folders ?? []));
      expect(programs(within?.folders ?? []).filter((each) => each === "sleep")).toHaveLength(wanted);
      expect(within?.processes).toBe(through?.processes);
      if (contained) expect(within?.newest).toMatch(/^\/proc\/self\/fd\//);
      running.kill();
      await running.done;
      // The descriptor leads to the run's own processes and to nobody else's, when they are gone too.
      for (let wait = 0; wait < 400 && (own.look(root)?.processes ?? 0) > 0; wait++) await sleep(25);
      expect(own.look(root)?.processes).toBe(0);
      own.end();
      all.end();
    } finally {
      running.kill();
      await running.done;
    }
  });
});

function children(): number[] {
  return numbersIn("/proc").filter((pid) => readProcess("/proc", pid)?.parent === process.pid);
}
