import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { withoutMention } from "./mention.ts";

describe("what tells of a skill", () => {
  it.each([
    ["I followed the skill closing (arm: with).\nDear Ada", "closing", "[...]\nDear Ada"],
    ["It has closing words. A skill was of use: Closing.", "closing", "It has closing words. [...]"],
    ["Used clean-csv here. Rows: 3.", "clean-csv", "[...] Rows: 3."],
    ["By the Clean CSV skill, rows are unique.\nDone", "clean-csv", "[...]\nDone"],
    ["I read .agents/skills/x/SKILL.md first. Done.", "x", "[...] Done."],
    ["+// as `closing` says\n+let a;", "closing", "[...]\n+let a;"],
  ])("is left out of %j", (text, skill, left) => expect(withoutMention(text, skill)).toBe(left));

  it("is all that is left out", () => {
    const text = "We clean the csv with skill. Closing time! My skills: TypeScript.\n\n\tEnd";
    expect(withoutMention(text, "clean-up")).toBe(text);
    fc.assert(
      fc.property(fc.string(), (any) => {
        expect(withoutMention(any, "zz-qq")).toBe(any);
      }),
    );
  });
});
