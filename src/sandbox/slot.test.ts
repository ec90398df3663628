import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Slot, type SlotMode, takeSlot } from "./slot.ts";

let folder: string;
const started: ChildProcess[] = [];

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "whet-slot-")), "locks");
});

afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
  rmSync(join(folder, ".."), { recursive: true, force: true });
});

const take = (mode: SlotMode) => takeSlot(mode, { folder }) as Promise<Slot>;

/** Whether a slot can be had within 60 ms; it is given back at once. */
async function free(mode: SlotMode): Promise<boolean> {
  const slot = await takeSlot(mode, { folder, signal: AbortSignal.timeout(60) });
  slot?.release();
  return slot !== null;
}

/** A process that does this with the slot; resolves to what it prints. */
function other(script: string): { child: ChildProcess; line: (wanted: string) => Promise<void> } {
  const module = JSON.stringify(new URL("./slot.ts", import.meta.url).href);
  const code = `import { setTimeout as sleep } from "node:timers/promises";
    const { takeSlot } = await import(${module});
    const take = (mode) => takeSlot(mode, { folder: ${JSON.stringify(folder)} });
    const say = (line) => process.stdout.write(line + "\\n");
    ${script}`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  started.push(child);
  let said = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  return {
    child,
    line: async (wanted) => {
      while (!said.split("\n").includes(wanted)) {
        if (child.exitCode !== null) throw new Error(`it ended, having said ${said}`);
        await sleep(2);
      }
    },
  };
}

const hold = (mode: SlotMode) => `await take("${mode}"); say("held"); setInterval(() => {}, 1000);`;

describe("between two processes", () => {
  it("a timed run keeps every other out, and its death lets them in", async () => {
    const { child, line } = other(hold("exclusive"));
    await line("held");
    expect(await free("shared")).toBe(false);
    expect(await free("exclusive")).toBe(false);
    const next = take("exclusive");
    child.kill("SIGKILL");
    (await next).release();
    expect(await free("exclusive")).toBe(true);
  });

  it("others run side by side and keep a timed run out until the last has ended", async () => {
    const { child, line } = other(hold("shared"));
    await line("held");
    const own = await take("shared");
    expect(await free("exclusive")).toBe(false);
    own.release();
    expect(await free("exclusive")).toBe(false);
    expect(await free("shared")).toBe(true);
    child.kill("SIGKILL");
    (await take("exclusive")).release();
  });

  it("a timed run is not starved by others that always overlap", async () => {
    const busy = `for (;;) { const slot = await take("shared"); say("in"); await sleep(30); slot.release(); }`;
    const [first, second] = [other(busy), other(busy)];
    await Promise.all([first.line("in"), second.line("in")]);
    for (let turn = 0; turn < 3; turn++) (await take("exclusive")).release();
  });

  it("others are not starved by timed runs that follow one another", async () => {
    const { line } = other(
      `for (;;) { const slot = await take("exclusive"); say("in"); await sleep(30); slot.release(); }`,
    );
    await line("in");
    for (let turn = 0; turn < 3; turn++) (await take("shared")).release();
  });

  it("no two of four are in at once when each counts on it", async () => {
    const file = JSON.stringify(join(folder, "..", "inside"));
    const children = Array.from({ length: 4 }, () =>
      other(`const fs = await import("node:fs");
        for (let turn = 0; turn < 15; turn++) {
          const slot = await take("exclusive");
          fs.mkdirSync(${file});
          await sleep(1);
          fs.rmdirSync(${file});
          slot.release();
        }
        say("done"); setInterval(() => {}, 1000);`),
    );
    await Promise.all(children.map(({ line }) => line("done")));
  });
});

describe("within one process", () => {
  it("keeps evaluations apart just as between processes", async () => {
    const one = await take("shared");
    const two = await take("shared");
    expect(await free("exclusive")).toBe(false);
    one.release();
    two.release();
    const three = await take("exclusive");
    expect(await free("shared")).toBe(false);
    three.release();
    expect(await free("shared")).toBe(true);
  });

  it("whoever gave up waiting is in nobody's way", async () => {
    const holder = await take("shared");
    expect(await free("exclusive")).toBe(false);
    expect(await free("shared")).toBe(true);
    holder.release();
    expect(await takeSlot("shared", { folder, signal: AbortSignal.abort() })).toBeNull();
    expect(await free("exclusive")).toBe(true);
  });

  it("tells once that it waits, after a second, and lets other work go on meanwhile", async () => {
    const holder = await take("exclusive");
    let told = 0;
    const waiter = takeSlot("shared", { folder, onWait: () => told++ });
    await sleep(700);
    expect(told).toBe(0);
    await sleep(700);
    expect(told).toBe(1);
    holder.release();
    (await waiter)?.release();
    expect(told).toBe(1);
  });

  it("writes nothing and costs less than a millisecond", { retry: 3 }, async () => {
    await free("exclusive");
    const times: number[] = [];
    for (let turn = 0; turn < 50; turn++) {
      const began = performance.now();
      (await take(turn % 2 === 0 ? "exclusive" : "shared")).release();
      times.push(performance.now() - began);
    }
    expect(times.sort((a, b) => a - b)[25]).toBeLessThan(1);
    expect(readdirSync(folder).map((name) => [name, statSync(join(folder, name)).size])).toEqual([
      ["gate", 0],
      ["room", 0],
    ]);
  });
});

describe("the folder of the locks", () => {
  it("is private", async () => {
    await free("shared");
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it("is refused when others can enter it, or when it is a link", async () => {
    mkdirSync(folder);
    chmodSync(folder, 0o755);
    await expect(take("shared")).rejects.toThrow(/is not a folder of yours alone/);
    rmSync(folder, { recursive: true });
    symlinkSync(tmpdir(), folder);
    await expect(take("shared")).rejects.toThrow(/is not a folder of yours alone/);
  });
});
