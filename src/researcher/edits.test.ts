import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyEdits, type Edit } from "./edits.ts";

function replace(
  search: string | string[],
  by: string | string[],
  which: number | "all" | null = null,
): Edit {
  const lines = (text: string | string[]) => (typeof text === "string" ? [text] : text);
  return { kind: "replace", path: "a", search: lines(search), replace: lines(by), which };
}

function edited(text: string, ...edits: Edit[]): string | null | undefined {
  const result = applyEdits({ a: text }, edits);
  if ("problems" in result) throw new Error(result.problems.join("\n"));
  return "a" in result.changes ? result.changes.a : text;
}

function complaint(text: string, ...edits: Edit[]): string {
  const result = applyEdits({ a: text }, edits);
  if (!("problems" in result)) throw new Error(`applied: ${JSON.stringify(result.changes)}`);
  return result.problems.join("\n");
}

const ending = fc.constantFrom("\n", "\r\n");
const word = fc.constantFrom("a", "b", "  a", "}", "", "a b", "$1 $& \\n");

describe("search and replace", () => {
  it("exchanges exactly the lines that were named and leaves every other byte as it was", () => {
    const file = fc.record({
      before: fc.array(fc.tuple(word, ending), { maxLength: 6 }),
      searched: fc.array(fc.constantFrom("one", "two", "  three"), { minLength: 1, maxLength: 3 }),
      after: fc.array(fc.tuple(word, ending), { maxLength: 6 }),
      eol: ending,
      put: fc.array(word, { maxLength: 3 }),
      open: fc.boolean(),
    });
    fc.assert(
      fc.property(file, ({ before, searched, after, eol, put, open }) => {
        const text = (lines: [string, string][]) => lines.map(([line, end]) => line + end).join("");
        const own = (lines: string[]) => lines.map((line) => line + eol).join("");
        const drop = (all: string) => (open && after.length === 0 ? all.replace(/\r?\n$/, "") : all);
        const raw = text(before) + drop(own(searched)) + text(after);
        // A last line without an ending has none of its own to hand on; the line before it has.
        const known = !open || after.length > 0 || searched.length > 1 || before.at(-1)?.[1] === eol;
        fc.pre(known);
        expect(edited(raw, replace(searched, put))).toBe(text(before) + drop(own(put)) + text(after));
      }),
    );
  });

  it("refuses what occurs more than once, and takes the one that is meant", () => {
    fc.assert(
      fc.property(
        fc
          .array(fc.boolean(), { minLength: 2, maxLength: 10 })
          .filter((all) => all.filter(Boolean).length > 1),
        fc.nat(),
        (hits, pick) => {
          const lines = hits.map((hit, index) => (hit ? "same" : `other ${index}`));
          const text = (all: string[]) => all.map((line) => `${line}\n`).join("");
          const places = hits.flatMap((hit, index) => (hit ? [index] : []));
          expect(complaint(text(lines), replace("same", "new"))).toContain(`occurs ${places.length} times`);
          const nth = pick % places.length;
          expect(edited(text(lines), replace("same", "new", nth + 1))).toBe(
            text(lines.map((line, index) => (index === places[nth] ? "new" : line))),
          );
          expect(edited(text(lines), replace("same", "new", "all"))).toBe(
            text(lines.map((line) => (line === "same" ? "new" : line))),
          );
        },
      ),
    );
  });

  it("prefers whole lines, then parts of lines, and never cuts a word in two", () => {
    expect(edited("rate = 1\nrate = 10\n", replace("rate = 1", "rate = 2"))).toBe("rate = 2\nrate = 10\n");
    expect(edited("  const rate = 1; // tuned\n", replace("rate = 1", "rate = 2"))).toBe(
      "  const rate = 2; // tuned\n",
    );
    expect(complaint("rate = 10\n", replace("rate = 1", "rate = 2"))).toContain("does not occur");
    expect(complaint("x = 1; max = 1; x = 1\n", replace("x = 1", "x = 2"))).toContain("occurs 2 times");
  });

  it("removes lines without a trace when nothing takes their place, and keeps an empty line that does", () => {
    expect(edited("a\nb\nc\n", replace("b", []))).toBe("a\nc\n");
    expect(edited("a\nb\nc\n", replace("b", ""))).toBe("a\n\nc\n");
  });

  it("applies one edit after the other", () => {
    expect(edited("a\nb\n", replace("a", "x"), replace(["x", "b"], "y"))).toBe("y\n");
  });

  it("does not take overlapping occurrences twice", () => {
    expect(edited("a\na\na\nb\n", replace(["a", "a"], "c", "all"))).toBe("c\na\nb\n");
  });

  it("says what stands in the file where the text was not found", () => {
    expect(complaint("if (x) {\n    go();\n}\n", replace("go( );", "stop();"))).toContain(
      "Only white space differs from line 2, which read:\n    go();",
    );
    expect(complaint("one\ntwo\nthree\n", replace(["one", "2"], "x"))).toContain(
      "line 2 of the file reads\ntwo",
    );
    expect(complaint("one\n", replace("nothing alike", "x"))).toContain("Copy the lines exactly");
    expect(complaint("one\n", replace("", "x"))).toContain("is empty");
    expect(complaint("one\n", replace("one", "x", 2))).toContain("occurs only once");
  });
});

describe("whole files", () => {
  const whole = (path: string, ...lines: string[]): Edit => ({ kind: "file", path, lines });

  it("are written, made and deleted; what stays the same is no change", () => {
    expect(
      applyEdits({ a: "1\n", b: "2\n", c: "3\n" }, [
        whole("a", "one"),
        whole("b", "2"),
        whole("d/e", "new", ""),
        { kind: "delete", path: "c" },
      ]),
    ).toEqual({ changes: { a: "one\n", "d/e": "new\n\n", c: null } });
    expect(applyEdits({}, [whole("a")])).toEqual({ changes: { a: "" } });
    expect(applyEdits({}, [whole("__proto__", "x")])).toEqual({
      changes: JSON.parse('{"__proto__":"x\\n"}'),
    });
  });

  it("keep the line endings and the open end that the file had", () => {
    expect(edited("1\r\n2\r\n", whole("a", "x", "y"))).toBe("x\r\ny\r\n");
    expect(edited("1\n2", whole("a", "x", "y"))).toBe("x\ny");
  });

  it("are not both written and edited, nor edited where there are none; every complaint is heard at once", () => {
    const result = applyEdits({ a: "1\n" }, [
      whole("a", "x"),
      replace("1", "2"),
      { kind: "delete", path: "toString" },
    ]);
    expect(result).toMatchObject({
      problems: [
        expect.stringContaining('"a" is edited, and written'),
        expect.stringContaining('The <search> text for "a" does not occur'),
        expect.stringContaining(
          '"toString" cannot be deleted: it is not among the files that may change ("a")',
        ),
      ],
    });
  });
});
