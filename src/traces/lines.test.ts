import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { type Line, linesOf } from "./lines.ts";

const folder = mkdtempSync(join(tmpdir(), "whet-lines-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function read(text: string, cap?: number): Promise<Line[]> {
  const path = join(folder, "file");
  writeFileSync(path, text);
  const lines: Line[] = [];
  for await (const batch of linesOf(path, cap)) lines.push(...batch);
  return lines;
}

describe("linesOf", () => {
  it("gives every line with the place where it begins", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: "grapheme" }).map((s) => s.replaceAll("\n", ""))),
        async (texts) => {
          const whole = texts.map((text) => `${text}\n`).join("");
          const lines = await read(whole);
          expect(lines.map(({ text }) => text)).toEqual(texts.map((text) => Buffer.from(text).toString()));
          for (const { text, offset, bytes } of lines)
            expect(
              Buffer.from(whole)
                .subarray(offset, offset + bytes)
                .toString(),
            ).toBe(text);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("puts lines together that are longer than one read, and cuts those over the cap", async () => {
    const long = "ü".repeat(1_500_000);
    const lines = await read(`a\n${long}\nb`, 4_000_000);
    expect(lines.map(({ text }) => text.length)).toEqual([1, 1_500_000, 1]);
    const cut = await read(`a\n${long}\nb`, 1000);
    expect(cut.map((line) => line.cut)).toEqual([false, true, false]);
    expect(cut[1]).toMatchObject({ offset: 2, bytes: 3_000_000 });
    expect(cut[1]?.text.length).toBeLessThan(1000);
    expect(cut[2]?.text).toBe("b");
  });
});
