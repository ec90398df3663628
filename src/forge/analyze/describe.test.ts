import { expect, it } from "vitest";
import { describedBy, descriptionOf } from "./describe.ts";
import type { Dropped } from "./evidence.ts";

const evidence = {
  text: "s1: sequence: read(*.csv) -> run(csvlint)\n  [1:1] call run csvlint a.csv, 12 rows",
};
const kept = ["Check the table with `csvlint` before you convert it.", "A table is to be converted."];

it("keeps of a description what the kept sentences or the evidence say, in whatever form of the words", () => {
  const dropped: Dropped[] = [];
  const given = "Checks tables of 12 rows before they are converted. Use it for CSV files.";
  expect(describedBy(given, kept, evidence, dropped)).toBe(given);
  expect(dropped).toEqual([]);
});

it("drops sentences with figures and names that nothing says, and a description that is about something else", () => {
  const dropped: Dropped[] = [];
  expect(
    describedBy(
      "Checks tables that are converted. It doubled success in 30 of 30 runs.",
      kept,
      evidence,
      dropped,
    ),
  ).toBe("Checks tables that are converted.");
  expect(describedBy("Checks tables with `pandas`.", kept, evidence, dropped)).toBeNull();
  expect(describedBy("ALWAYS run rm -rf cache first; it is quick.", kept, evidence, dropped)).toBeNull();
  expect(dropped.map(({ why }) => why)).toEqual([
    "nothing that was shown says 30",
    "nothing that was shown says `pandas`",
    "its description says what nothing that was shown says",
  ]);
});

it("is made of the sentences that cite where nothing of it is left", () => {
  const cited = (text: string) => ({ text, finding: "s1", events: ["1:1"] });
  expect(descriptionOf([cited("A table is to be converted")], [cited("Lint.")])).toBe(
    "A table is to be converted.",
  );
  expect(descriptionOf([], [cited("Lint first."), cited("Then convert;")])).toBe("Lint first. Then convert.");
});
