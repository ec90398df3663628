import { expect, test } from "vitest";
import { sampleNotebook } from "../../../tests/support/sampleNotebook.ts";
import { chartPng } from "./png.ts";
import { progressSvg } from "./progress.ts";

test("a chart becomes a PNG of its own size", async () => {
  const png = await chartPng(progressSvg(sampleNotebook(43), { width: 1200, height: 675, theme: "light" }));
  expect(png.subarray(0, 8)).toEqual(Buffer.from("89504e470d0a1a0a", "hex"));
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([1200, 675]);
});

test("letters are drawn without any font of the system, in both weights", async () => {
  const draw = (words: string, weight: number) =>
    chartPng(
      `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="40"><text x="5" y="25" font-family="Nowhere,sans-serif" font-weight="${weight}">${words}</text></svg>`,
    );
  const [none, regular, bold] = await Promise.all([
    draw("", 400),
    draw("val_bpb → σ", 400),
    draw("val_bpb → σ", 700),
  ]);
  expect(regular.length).toBeGreaterThan(none.length + 100);
  expect(bold.equals(regular)).toBe(false);
});
