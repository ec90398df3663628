import fc from "fast-check";
import { expect, test } from "vitest";
import { hostile } from "../../../tests/support/hostile.ts";
import { sampleNotebook } from "../../../tests/support/sampleNotebook.ts";
import type { Row, RowStatus } from "../../notebook/model.ts";
import { continuedTsv, resultsTsv } from "./tsv.ts";

const head = {
  metric: "val_bpb",
  baseline: { commit: "a1b2c3d4e5f6", mean: 0.9979, peakBytes: 44 * 1024 ** 3 },
};
const [sample] = sampleNotebook(1).experiments as [Row];
const row = (over: Partial<Row>): Row => ({ ...sample, ...over });

test("results.tsv has autoresearch's columns, words and number formats", () => {
  const rows = [
    row({
      status: "keep",
      commit: "b2c3d4e5aa",
      value: 0.9932,
      peakBytes: 44.2 * 1024 ** 3,
      what: "increase LR to 0.04",
    }),
    row({
      status: "discard",
      commit: "c3d4e5f6aa",
      value: 1.005,
      peakBytes: null,
      what: "switch to\tGeLU\nnow",
    }),
    row({ status: "crash", commit: "d4e5f6a7aa", value: null, peakBytes: 5, what: "double width (OOM)" }),
    row({ status: "timeout", commit: "e4e5f6a7aa", value: null, what: "too slow" }),
    row({ status: "invalid", commit: null, value: null, what: "wrote elsewhere" }),
    row({ status: "running", what: "not yet" }),
  ];
  expect(resultsTsv(rows, head)).toBe(
    [
      "commit\tval_bpb\tmemory_gb\tstatus\tdescription",
      "a1b2c3d\t0.997900\t44.0\tkeep\tbaseline",
      "b2c3d4e\t0.993200\t44.2\tkeep\tincrease LR to 0.04",
      "c3d4e5f\t1.005000\t0.0\tdiscard\tswitch to GeLU now",
      "d4e5f6a\t0.000000\t0.0\tcrash\tdouble width (OOM)",
      "e4e5f6a\t0.000000\t0.0\tcrash\ttoo slow",
      "-------\t0.000000\t0.0\tdiscard\twrote elsewhere",
      "",
    ].join("\n"),
  );
});

test("every line has five columns, whatever the descriptions say", () => {
  const status = fc.constantFrom<RowStatus>("keep", "discard", "crash", "timeout", "invalid");
  fc.assert(
    fc.property(fc.array(fc.record({ what: hostile, status, value: fc.option(fc.double()) })), (some) => {
      const lines = resultsTsv(some.map(row), head).split("\n");
      expect(lines).toHaveLength(some.length + 3);
      for (const line of lines.slice(0, -1)) expect(line.split("\t")).toHaveLength(5);
    }),
  );
});

test("no cell is calculated by a spreadsheet, whatever it begins with", () => {
  for (const what of [
    '=HYPERLINK("http://evil/")',
    "+1",
    "-2+3",
    "@SUM(1)",
    "\t=1+1",
    "\r=1",
    "\n=1",
    " =1",
    "＝1+1",
    "'=1",
  ]) {
    const line = resultsTsv([row({ what })], { ...head, metric: what }).split("\n");
    for (const cells of [line[0], line[2]] as string[])
      for (const each of cells.split("\t")) expect(each).toMatch(/^('|[A-Za-z0-9]|-{7}$|-?\d)/);
  }
  const begins = fc.constantFrom("=", "+", "-", "@", "\t", "\r", "\u0000", "\u200b", "\ufeff", " ", '"', "'");
  fc.assert(
    fc.property(fc.array(begins, { maxLength: 4 }), hostile, (first, rest) => {
      const [, , line = ""] = resultsTsv([row({ what: `${first.join("")}${rest}` })], head).split("\n");
      expect(line.split("\t")[4]).not.toMatch(/^[=+\-@\t\r]/);
    }),
  );
});

test("a results.tsv that was begun elsewhere is continued under the same titles", () => {
  const titles = "commit\tval_bpb\tmemory_gb\tstatus\tdescription";
  const own = `${titles}\nabcdef0\t0.990000\t0.0\tkeep\tbaseline\n`;
  const earlier = `${titles}\r\n1234567\t0.997900\t44.0\tkeep\tbaseline\r\nhalf a row\r\n89abcde\t0.993200\t44.2\tkeep\t=HYPERLINK(1)\r\n`;
  expect(continuedTsv(earlier, own)).toBe(
    `${titles}\n1234567\t0.997900\t44.0\tkeep\tbaseline\n89abcde\t0.993200\t44.2\tkeep\t'=HYPERLINK(1)\nabcdef0\t0.990000\t0.0\tkeep\tbaseline\n`,
  );
  for (const other of ["", "a,b\n1,2\n", `${titles.replace("val_bpb", "loss")}\n1\t2\t3\tkeep\tx\n`])
    expect(continuedTsv(other, own)).toBe(own);
});
