import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answerRules, parseAnswer, tagSuffix } from "./answerFormat.ts";
import type { Edit } from "./edits.ts";

const said = "<what>Raise the rate.</what>\n<because>It is timid.</because>\n<expect>Faster fall.</expect>\n";
const hypothesis = { what: "Raise the rate.", mechanism: "It is timid.", prediction: "Faster fall." };

const hostileLine = fc.constantFrom(
  "",
  "plain",
  '<file path="a">',
  "</file>",
  "</file-2>",
  "</edit>",
  "<search>",
  "x </search>",
  "</replace>",
  "</replace-3>",
  "<what>No.</what>",
  "const tag = `</file>`;",
);
const hostile = fc.array(hostileLine, { maxLength: 8 });

function written(edits: Edit[], suffix: string): string {
  const block = (name: string, lines: string[], attributes = "") =>
    [`<${name}${suffix}${attributes}>`, ...lines, `</${name}${suffix}>`].join("\n");
  return edits
    .map((edit) => {
      const path = ` path="${edit.path}"`;
      if (edit.kind === "delete") return `<delete${suffix}${path}/>`;
      if (edit.kind === "file") return block("file", edit.lines, path);
      const which = edit.which === null ? "" : ` which="${edit.which}"`;
      return block("edit", [block("search", edit.search, which), block("replace", edit.replace)], path);
    })
    .join("\n\n");
}

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({
    kind: fc.constant("file" as const),
    path: fc.constantFrom("a.ts", "b c/d.md"),
    lines: hostile,
  }),
  fc.record({ kind: fc.constant("delete" as const), path: fc.constantFrom("a.ts", "b.ts") }),
  fc.record({
    kind: fc.constant("replace" as const),
    path: fc.constantFrom("a.ts", "b.ts"),
    search: hostile,
    replace: hostile,
    which: fc.constantFrom(null, "all" as const, 2),
  }),
);

describe("an answer", () => {
  it("comes back as it was meant, whatever tags stand in the files", () => {
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), fc.boolean(), (edits, crlf) => {
        const texts = edits.flatMap((each) =>
          each.kind === "file"
            ? each.lines
            : each.kind === "replace"
              ? [...each.search, ...each.replace]
              : [],
        );
        const answer = `Let me think.\n\n${said}\n${written(edits, tagSuffix(texts))}\nThat is all.`;
        expect(parseAnswer(crlf ? answer.replaceAll("\n", "\r\n") : answer)).toEqual({ hypothesis, edits });
      }),
    );
  });

  it("is never a crash, however broken", () => {
    const piece = fc.oneof(
      hostileLine,
      fc.string(),
      fc.constantFrom("<edit", 'path="', "</", ">", "```", "\n"),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const result = parseAnswer(pieces.join("\n"));
        expect("problems" in result ? result.problems.length : result.edits.length).toBeGreaterThan(0);
      }),
    );
  });

  it("may be wrapped in code fences, outside and in", () => {
    const answer = `\`\`\`xml
${said}
<edit path="a.ts">
\`\`\`ts
<search>
\`\`\`ts
old
\`\`\`
</search>
<replace>
\`\`\`ts
new
\`\`\`
</replace>
\`\`\`
</edit>
<file path="b.ts">
\`\`\`typescript
whole
\`\`\`
</file>
<file path="c.md">
\`\`\`
meant
\`\`\`
</file>
\`\`\``;
    expect(parseAnswer(answer)).toEqual({
      hypothesis,
      edits: [
        { kind: "replace", path: "a.ts", search: ["old"], replace: ["new"], which: null },
        { kind: "file", path: "b.ts", lines: ["whole"] },
        { kind: "file", path: "c.md", lines: ["```", "meant", "```"] },
      ],
    });
  });

  it("may hold several pairs, on one line each", () => {
    expect(
      parseAnswer(`${said}<edit path="./a">
<search which='2'>x</search>
<replace>y</replace>

<search>z</search>
<replace></replace>
</edit>`),
    ).toMatchObject({
      edits: [
        { path: "a", search: ["x"], replace: ["y"], which: 2 },
        { path: "a", search: ["z"], replace: [], which: null },
      ],
    });
  });

  it("leaves aside what a model thought aloud", () => {
    const answer = `<think>\n<file path="a">\nno\n</think>\n${said}<delete path="b"/>`;
    expect(parseAnswer(answer)).toMatchObject({ edits: [{ kind: "delete", path: "b" }] });
  });

  it.each([
    ["", "<what>...</what> is missing"],
    [said, "There is no change"],
    [`${said}${said}<delete path="a"/>`, "more than one <what>"],
    [`${said}<file path="a">\ncut off`, '<file> for "a" is never closed'],
    [`${said}<file>\nx\n</file>`, "<file> names no path"],
    [`${said}<delete/>`, "names no path"],
    [`${said}<search>\nx\n</search>`, "<search> stands outside"],
    [`${said}<edit path="a">\n<search>\nx\n</search>\n</edit>`, "each <search> followed by its <replace>"],
    [`${said}<edit path="a">\n<replace>\nx\n</replace>\n</edit>`, "each <search> followed by its <replace>"],
    [`${said}<edit path="a">\nx = 1\n</edit>`, "x = 1\nstands outside"],
    [`${said}<edit path="a">\n<search>\nx\n</edit>`, "no </search> for <search>"],
    [`${said}<edit path="a">\n<search which="0">\nx\n</search>\n<replace>\n</replace>\n</edit>`, 'which="0"'],
    [`${said}<file path="a">\n</file>\n</file>`, "</file> closes nothing"],
  ])("is refused with words that say what is wrong: %#", (answer, words) => {
    const result = parseAnswer(answer);
    expect("problems" in result ? result.problems.join("\n") : result).toContain(words);
  });

  it("is described with tags that the parser reads", () => {
    for (const suffix of ["", "-2"])
      expect(parseAnswer(answerRules(suffix))).toMatchObject({
        hypothesis: { what: "One line: what you change." },
        edits: [{ kind: "replace" }, { kind: "file", lines: ["the whole text"] }, { kind: "delete" }],
      });
  });
});
