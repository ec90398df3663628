import fc from "fast-check";
import { expect, test } from "vitest";
import { paintedText, printable, printableJson } from "./printable.ts";

/** Whatever could steer a terminal, turn the reading direction or hide. */
const commands = /[^\P{Cc}\t\n]|[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/u;
const control = "\u001b";
const colour = new RegExp(`${control}\\[[\\d;]*m`, "g");

test.each([
  ["CSI", "a\u001b[2Jb"],
  ["CSI as one character", "a\u009b2Jb"],
  ["a title", "a\u001b]0;PWNED\u0007b"],
  ["the clipboard", "a\u001b]52;c;UFdO\u0007b"],
  ["the clipboard, ended by ST", "a\u001b]52;c;UFdO\u001b\\b"],
  ["a link", "a\u001b]8;;http://evil\u001b\\b"],
  ["a sequence that is cut off", "ab\u001b]52;c;UF"],
  ["a device control string", "a\u001bPq#0\u001b\\b"],
  ["a carriage return over what was said", "all is well\rab"],
  ["a backspace", "no\b\bab"],
  ["a change of direction", "a\u202egnp.exe\u2066b"],
  ["zero-width characters", "a\u200b\u2060\ufeff\u200db"],
  ["tags", "a\u{e0041}\u{e007f}b"],
])("%s does not come through", (_, text) => {
  expect(printable(text)).not.toMatch(commands);
  expect(paintedText(text)).not.toMatch(commands);
  expect(JSON.parse(printableJson(JSON.stringify(text)))).toBe(text);
  expect(printableJson(JSON.stringify(text))).not.toMatch(commands);
});

test("nothing commands the terminal, whatever the text; what is printable stays as it is", () => {
  const pieces = fc.constantFrom(
    "\u001b",
    "[",
    "]52;c;",
    "\u0007",
    "\u009b",
    "2J",
    "\u001b\\",
    "\r",
    "31m",
    "ä漢",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(pieces, fc.string({ unit: "binary", maxLength: 5 }))), (parts) => {
      const text = parts.join("");
      expect(printable(text)).not.toMatch(commands);
      expect(printable(printable(text))).toBe(printable(text));
      // A colour may stay where Whetstone paints, and nothing else.
      expect(paintedText(text).replace(colour, "")).not.toMatch(commands);
      expect(JSON.parse(printableJson(JSON.stringify(text)))).toBe(text);
    }),
  );
  expect(printable("ein Text, 漢字\tund\nZeilen ±")).toBe("ein Text, 漢字\tund\nZeilen ±");
});
