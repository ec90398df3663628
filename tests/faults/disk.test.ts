import { spawnSync } from "node:child_process";
import { appendFileSync, cpSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { keepingLab } from "../../bench/faults/kill.ts";
import { repository, start, whet } from "../support/lab.ts";
import { eventsOf, expectAcknowledged, query } from "../support/ledger.ts";

/** A disk that a test may fill has to be mounted, which takes root. */
const mountable = (() => {
  if (process.platform !== "linux") return false;
  const folder = mkdtempSync(join(tmpdir(), "whet-full-"));
  const done = mount(folder, "1m");
  if (done) spawnSync("umount", [folder]);
  rmSync(folder, { recursive: true });
  return done;
})();
const skipped = mountable ? "" : " (skipped: no tmpfs can be mounted here, run it as root)";

function mount(folder: string, size: string): boolean {
  return spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder]).status === 0;
}

/** A lab on a disk of its own. */
function smallDisk(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "whet-full-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  expect(mount(folder, "120m")).toBe(true);
  onTestFinished(() => void spawnSync("umount", ["-l", folder]));
  cpSync(repository(files), folder, { recursive: true });
  return folder;
}

/** Takes the room that there is, all but some bytes of it. */
function fill(file: string, leave = 0): void {
  const { bavail, bsize } = statfsSync(dirname(file));
  try {
    writeFileSync(file, Buffer.alloc(bavail * bsize - leave, 1));
    if (leave === 0) for (;;) appendFileSync(file, Buffer.alloc(bsize, 1));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}

describe.runIf(mountable)(`a disk that fills up during a run${skipped}`, () => {
  it.each([1, 3])(
    "ends it with a message and code 1; with room again nothing is lost (experiment %i)",
    async (when) => {
      const lab = smallDisk(keepingLab);
      const running = start(lab, "run", "--json", "--experiments", "100000", "--audit", "0", "--seed", "1");
      while (!running.output().includes(`"type":"decision","number":${when},`)) await sleep(5);
      fill(join(lab, ".git", "filler"));
      const ended = await running.finished;
      expect(ended.stderr).toMatch(/no space left|disk is full/i);
      expect(ended.stderr).toMatch(/make room|disk is not full/);
      expect(ended.stderr).not.toMatch(/should not happen/);
      expect(ended.code).toBe(1);
      const full = await whet(lab, "doctor");
      expect(full.stderr).toBe("");
      expect(full.code).toBe(1);
      expect(full.stdout).toMatch(/✗ disk +only \d+ KB are free/);

      rmSync(join(lab, ".git", "filler"));
      expectAcknowledged(lab, eventsOf(ended.stdout));
      const before = query(lab, "select count(*) from experiments");
      const again = await whet(lab, "run", "--experiments", String(before + 2), "--audit", "0");
      expect(again.stderr).toBe("");
      expect(again.code).toBe(0);
      expectAcknowledged(lab, eventsOf(ended.stdout));
      expect((await whet(lab, "doctor", "--yes")).stdout).toMatch(/all is well/);
    },
  );

  it("never blames a candidate for the full disk", async () => {
    const lab = smallDisk({
      ...keepingLab,
      "train.mjs": `import { writeFileSync } from "node:fs";
writeFileSync(\`\${process.env.OUT}/artefact\`, "x".repeat(8_000_000));
${keepingLab["train.mjs"]}`,
    });
    const run = ["run", "--audit", "0", "--seed", "1", "--experiments"];
    expect((await whet(lab, ...run, "2")).code).toBe(0);
    // Room for the ledger and for git; the candidate needs more.
    rmSync(join(lab, ".whetstone", "work", "run"), { recursive: true });
    fill(join(lab, ".git", "filler"), 900_000);
    const ended = await whet(lab, ...run, "3");
    expect(ended.stderr).toMatch(/the disk is full/);
    expect(ended.code).toBe(1);
    rmSync(join(lab, ".git", "filler"));
    expect(query(lab, "select count(*) from evaluations where failure_kind is not null")).toBe(0);
    expect((await whet(lab, ...run, "3")).code).toBe(0);
    expect(query(lab, "select count(*) from evaluations where failure_kind is not null")).toBe(0);
  });
});

it.runIf(mountable)(`a disk that is full from the start is told as what it is${skipped}`, async () => {
  const lab = smallDisk(keepingLab);
  fill(join(lab, ".git", "filler"));
  const ended = await whet(lab, "run", "--experiments", "3");
  expect(ended.stderr).toMatch(/no space left|disk is (not )?full/i);
  expect(ended.stderr).not.toMatch(/should not happen/);
  expect([1, 2]).toContain(ended.code);
});
