import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { readNote, writeNote } from "../seal.ts";
import { recalled } from "./memo.ts";
import { openSandbox } from "./open.ts";

describe("what was found of the sandbox", () => {
  it("is taken over by the next process, and not when anything that it rests on has changed", async () => {
    const folder = mkdtempSync(join(tmpdir(), "whet-memo-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const memo = join(folder, "sandbox.json");
    const { isolation } = await openSandbox({ memo });
    expect((await recalled(memo, "best"))?.isolation).toEqual(isolation);
    expect((await openSandbox({ memo })).isolation).toEqual(isolation);
    // Another question, another path to the programs, another day: tried again.
    expect(await recalled(memo, "L0")).toBeNull();
    const path = process.env.PATH;
    process.env.PATH = `/nowhere:${path}`;
    try {
      expect(await recalled(memo, "best")).toBeNull();
    } finally {
      process.env.PATH = path;
    }
    const note = JSON.parse((await readNote(memo)) as string);
    for (const at of [Date.now() - 2 * 3_600_000, Date.now() + 60_000]) {
      await writeNote(memo, JSON.stringify({ ...note, at }));
      expect(await recalled(memo, "best")).toBeNull();
    }
    writeFileSync(memo, "{");
    expect(await recalled(memo, "best")).toBeNull();
    expect((await openSandbox({ memo })).isolation).toEqual(isolation);
  });
});
