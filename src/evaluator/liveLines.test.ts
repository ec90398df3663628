import { expect, it } from "vitest";
import { openRedactor } from "../redaction/index.ts";
import { openLiveLines } from "./liveLines.ts";

it("of a flood of lines only some are shown, each short and without its secrets", () => {
  let at = 0;
  const live = openLiveLines(openRedactor({ homes: false }), () => at);
  const flood = Array.from({ length: 1000 }, (_, index) => live.take(`line ${index}`));
  expect(flood.filter((line) => line !== null)).toHaveLength(100);
  at = 200;
  const long = live.take(
    `${"x ".repeat(490)}eyJ${"a".repeat(1000)}.${"b".repeat(1000)} ${"y".repeat(50_000)}`,
  );
  expect(long).toHaveLength(1000);
  expect(long).toContain("[redacted:jwt");
});
