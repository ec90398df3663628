import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyChange } from "./merge.ts";

const lines = (...all: string[]) => `${all.join("\n")}\n`;

describe("a change applied to other files", () => {
  it("keeps what both sides did, neighbouring lines included", async () => {
    const before = { a: lines("x = 1", "y = 1", "z = 1") };
    const after = { a: lines("x = 1", "y = 2", "z = 1") };
    const files = { a: lines("x = 5", "y = 1", "z = 5"), b: "other\n" };
    expect(await applyChange(files, { before, after })).toEqual({
      a: lines("x = 5", "y = 2", "z = 5"),
      b: "other\n",
    });
  });

  it("is taken back by turning it round", async () => {
    const before = { a: lines("one", "two", "three"), gone: null };
    const after = { a: lines("one", "2", "three"), gone: "new file\n" };
    const later = { a: lines("one", "2", "three", "four"), gone: "new file\n" };
    expect(await applyChange(later, { before: after, after: before })).toEqual({
      a: lines("one", "two", "three", "four"),
    });
  });

  it("does not fit where both changed the same line, or one deleted what the other changed", async () => {
    const before = { a: lines("one") };
    expect(await applyChange({ a: lines("uno") }, { before, after: { a: lines("eins") } })).toBeNull();
    expect(await applyChange({}, { before, after: { a: lines("eins") } })).toBeNull();
    expect(await applyChange({ a: lines("uno") }, { before, after: { a: null } })).toBeNull();
  });

  it("gives the change itself where the files are what it was made for", async () => {
    const text = fc.array(fc.constantFrom("a", "b", "", "\u0001", "<<<<<<< x"), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(text, text, async (one, two) => {
        const before = { f: one.join("\n") };
        const after = { f: two.join("\n") };
        expect(await applyChange({ ...before, g: "" }, { before, after })).toEqual({ ...after, g: "" });
      }),
      { numRuns: 50 },
    );
  });
});
