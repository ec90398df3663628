import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { onProcesses } from "./reach.ts";
import { openVictim } from "./victim.ts";

describe.runIf(process.platform === "linux")("attacks on another process, where nothing stops them", () => {
  it.each(
    onProcesses.filter(({ possible }) => possible !== false).map((attack) => [attack.name, attack] as const),
  )("%s", async (_name, { files, reached }) => {
    const victim = await openVictim();
    const folder = mkdtempSync(join(tmpdir(), "whet-control-"));
    onTestFinished(async () => {
      await victim.end();
      rmSync(folder, { recursive: true });
    });
    mkdirSync(join(folder, "out"));
    writeFileSync(join(folder, "attack.mjs"), files(victim)["src/attack.mjs"] as string);
    spawnSync(process.execPath, ["attack.mjs"], { cwd: folder, env: { OUT: join(folder, "out") } });
    // Its end is told to us a moment after it.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const stolen = () => readFileSync(join(folder, "out", "stolen"), "utf8");
    expect(reached ? reached(victim) : stolen().includes(victim.secret)).toBeTruthy();
  });
});
