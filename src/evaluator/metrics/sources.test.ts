import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseTable, readTable } from "./csv.ts";
import { guessSource } from "./guess.ts";
import { numberPaths, readJson } from "./json.ts";
import { readJunit } from "./junit.ts";
import { nearestWords } from "./near.ts";
import { inUnit, parseQuantity } from "./quantity.ts";
import { readSource } from "./source.ts";
import { Units } from "./units.ts";

const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8");

describe("tables", () => {
  test("whatever the fields hold, quoted as RFC 4180 has it, they are read as they were", () => {
    const cell = fc.string({ unit: fc.constantFrom("a", "1", ".", ",", "\t", '"', "\n", " ", ";") });
    const rows = fc
      .integer({ min: 2, max: 5 })
      .chain((width) => fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1 }));
    fc.assert(
      fc.property(rows, fc.constantFrom<("," | "\t")[]>(",", "\t"), fc.boolean(), (table, separator, all) => {
        const written = (field: string) =>
          all || /["\n,\t]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
        const text = table.map((row) => `${row.map(written).join(separator)}\n`).join("");
        expect(parseTable(text, separator)).toEqual(table);
      }),
    );
  });

  test("any text at all is read to its end", () => {
    const text = fc.string({ unit: fc.constantFrom("a", ",", '"', "\n", "\t") });
    fc.assert(fc.property(text, (each) => parseTable(each, ",").every((row) => row.length > 0)));
  });

  const table = "name,time,note\nsort,1.5,a\nsum,2.5 ms,b\nsort,3.5,c\n";
  test.each([
    ["last", 3.5, ""],
    ["first", 1.5, ""],
    ["1", 2.5, "ms"],
    ["name=sort", 3.5, ""],
    ["note=b", 2.5, "ms"],
  ])("the row %s is chosen", (row, value, unit) => {
    expect(readTable(table, ",", "time", row)).toEqual({ value, unit });
  });

  test.each([
    ["speed", "last", "there is no column `speed`; its first line is `name`, `time`, `note`"],
    ["time", "7", "there is no row 7: there are 3 rows below the header, counted from 0"],
    ["time", "name=max", "no row has `max` in `name`; there are `sort`, `sum`, `sort`"],
    ["note", "last", "there is `c` in the column `note`, not a number"],
  ])("of the column %s and the row %s it is said what is there instead", (column, row, missing) => {
    expect(readTable(table, ",", column, row)).toEqual({ missing });
  });

  test("the lines that a tool writes above the header are passed over", () => {
    const read = (row: string) => readTable(fixture("google-benchmark.csv"), ",", "real_time", row);
    expect(read("last")).toEqual({ value: 158.417, unit: "" });
    expect(read("name=BM_Create/8")).toEqual({ value: 20.1066, unit: "" });
  });

  test("a byte order mark and Windows' line ends belong to no field", () => {
    const text = "\uFEFFloss\tepoch\r\n0.5\t1\r\n0.25\t2\r\n";
    expect(
      readSource({ kind: "tsv", column: "loss", row: "last" }, [{ name: "", text }], "minimize"),
    ).toEqual({
      value: 0.25,
      unit: "",
    });
  });
});

describe("paths in JSON", () => {
  const text = JSON.stringify({
    results: [{ mean: 1 }, { mean: 2, name: "sort" }],
    "a.b": { "c d": 3 },
    said: "12 ms",
    none: null,
    list: [4, 5],
    on: true,
  });
  test.each([
    ["results[0].mean", 1, ""],
    ["results[-1].mean", 2, ""],
    ["results[name=sort].mean", 2, ""],
    ["$.results[1].mean", 2, ""],
    ['["a.b"]["c d"]', 3, ""],
    ['"a.b".c d', 3, ""],
    ["['a.b']['c d']", 3, ""],
    ["said", 12, "ms"],
    ["none", Number.NaN, ""],
    ["list[1]", 5, ""],
  ])("%s is %d", (path, value, unit) => {
    expect(readJson(text, path)).toEqual({ value, unit });
  });

  test.each([
    ["list", "there is a list at `list`, not a number"],
    ["on", "there is `true` at `on`, not a number"],
    ["result[0].mean", "there is nothing at `result[0].mean`; there are numbers at `results[0].mean`"],
    ["toString", "there is nothing at `toString`"],
    ["list.length", "there is nothing at `list.length`"],
    ["a[", "`a[` is no path such as results[0].mean"],
  ])("%s is no number, and it is said what is there", (path, missing) => {
    expect(readJson(text, path)).toEqual({ missing: expect.stringContaining(missing) });
  });

  test("every path that is suggested leads to its number, whatever the names are", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ minLength: 1 }), fc.array(fc.integer(), { maxLength: 3 })),
        (value) => {
          const json = JSON.stringify(value);
          const numbers = Object.values(JSON.parse(json) as typeof value).flat();
          const read = numberPaths(JSON.parse(json), 500).map((path) => readJson(json, path));
          expect(read.map((each) => "value" in each && each.value)).toEqual(numbers);
        },
      ),
    );
  });

  test("of several values the last one that has the path counts, on a line or indented between other lines", () => {
    const lines = 'start\n{"loss": 3}\n{"loss": 2}\n{"done": true}\nend\n';
    expect(readJson(lines, "loss")).toEqual({ value: 2, unit: "" });
    const indented = `start\n${JSON.stringify({ a: { loss: 7 } }, null, 2)}\nend\n`;
    expect(readJson(indented, "a.loss")).toEqual({ value: 7, unit: "" });
    expect(readJson("no JSON\n", "loss")).toEqual({ missing: "there is no JSON in it" });
  });
});

describe("what could be the metric of an output", () => {
  const first = (output: string) => guessSource(output, {})[0];

  test("a tool's JSON is known by its shape, also between other lines", () => {
    const hyperfine = JSON.stringify({
      results: [{ command: "count", mean: 0.5, stddev: 0.01, times: [0.5] }],
    });
    for (const output of [hyperfine, `> x@1.0.0 bench\n\n${hyperfine}\ndone\n`])
      expect(first(output)).toMatchObject({
        ...{ name: "mean", value: 0.5, direction: "minimize" },
        source: { kind: "preset", preset: "hyperfine" },
      });
  });

  test("of other JSON the number that is called like a result, and no item of a list", () => {
    const output = JSON.stringify({ report: { count: 5, list: [1, 2], inner: { std: 1, val_loss: 0.4 } } });
    expect(first(output)).toMatchObject({
      ...{ name: "val_loss", value: 0.4, direction: "minimize" },
      source: { kind: "json", at: "report.inner.val_loss" },
    });
    expect(nearestWords(output, "loss")).toContain(`from: {json: "-", at: 'report.inner.val_loss'}`);
    expect(nearestWords(output, "loss")).not.toContain('""');
  });
});

describe("JUnit reports", () => {
  const report = `<?xml version="1.0"?>
<testsuites time="9.5" tests="99">
  <!-- <testcase name="in a comment"><failure/></testcase> -->
  <testsuite name="a" time="4">
    <testcase name="x &lt; y" time="1.5"/>
    <testcase name="b > c" time="1"><failure message="1 > 2">at a.js</failure></testcase>
    <testcase name='c'><error/></testcase>
    <testcase name="d"><skipped/></testcase>
    <testcase name="e"><system-out><![CDATA[<testcase name="no"><failure/></testcase>]]></system-out></testcase>
  </testsuite>
</testsuites>`;
  test.each([
    ["time", 9.5, "s"],
    ["tests", 5, ""],
    ["failures", 2, ""],
    ["passed", 2, ""],
  ] as const)("%s is %d %s", (at, value, unit) => {
    expect(readJunit(report, at)).toEqual({ value, unit });
  });

  test("without a time of all, that of the outermost suites is added up, or else that of the tests", () => {
    const suites = `<testsuites><testsuite time="1.5"><testsuite time="1"/></testsuite><testsuite time="2"/></testsuites>`;
    expect(readJunit(suites, "time")).toEqual({ value: 3.5, unit: "s" });
    const cases = `<testsuite><testcase time="0.5"/><testcase time="0.25"/></testsuite>`;
    expect(readJunit(cases, "time")).toEqual({ value: 0.75, unit: "s" });
  });

  test("pytest's report is read", () => {
    const text = fixture("pytest-junit.xml");
    expect(readJunit(text, "passed")).toEqual({ value: 2, unit: "" });
    expect(readJunit(text, "time")).toEqual({ value: 4.194, unit: "s" });
  });

  test("what is no report is said to be none", () => {
    expect(readJunit("<html><body/></html>", "tests")).toEqual({
      missing: "it is no JUnit report: it has no <testsuite>",
    });
  });
});

describe("units", () => {
  test.each([
    ["0.5", 0.5, ""],
    ["1,234.5 ms", 1234.5, "ms"],
    ["87.5%", 87.5, "%"],
    ["1.85x", 1.85, "x"],
    ["3.2e-4", 3.2e-4, ""],
    ["12.3 MiB/s", 12.3, "MiB/s"],
    ["14.56k", 14_560, ""],
    ["12 ms ± 1 ms", 12, "ms"],
    ["nan", Number.NaN, ""],
    ["-inf", Number.NaN, ""],
  ])("`%s` is %d with the unit `%s`", (text, value, unit) => {
    expect(parseQuantity(text)).toEqual({ value, unit });
  });

  test.each(["1,5", "0,123", "1,2345", "12 or 13", "v1.2.3", "", "ms"])("`%s` is no quantity", (text) => {
    expect(parseQuantity(text)).toBeNull();
  });

  test.each([
    [1, "ms", "s", 0.001],
    [950, "µs", "ms", 0.95],
    [2, "min", "s", 120],
    [1, "MB", "B", 1_000_000],
    [1, "MiB", "B", 1_048_576],
    [1, "MiB", "KiB", 1024],
    [3, "MB/s", "kB/s", 3000],
    [87.5, "%", "fraction", 0.875],
    [5, "ms", "B", 5],
    [5, "MB/s", "MB", 5],
    [5, "widgets", "s", 5],
    [5, "", "s", 5],
    [5, "ms", undefined, 5],
  ])("%d %s in %s is %d", (value, unit, wanted, result) => {
    expect(inUnit({ value, unit }, wanted)).toBe(result);
  });

  test("there and back again a value is the same but for rounding", () => {
    const kinds = [
      ["ps", "ns", "us", "ms", "s", "min", "h"],
      ["B", "kB", "KiB", "MB", "MiB", "GB", "GiB"],
      ["%", "fraction"],
    ];
    const pair = fc
      .constantFrom(...kinds)
      .chain((units) => fc.tuple(fc.constantFrom(...units), fc.constantFrom(...units)));
    fc.assert(
      fc.property(pair, fc.double({ min: 1e-6, max: 1e6, noNaN: true }), ([one, other], value) => {
        const back = inUnit({ value: inUnit({ value, unit: one }, other), unit: other }, one);
        expect(Math.abs(back / value - 1)).toBeLessThan(1e-9);
      }),
    );
  });

  test("without a unit in the contract the first one that was printed is kept", () => {
    const units = new Units({ metric: { name: "t", direction: "minimize", minEffect: 0 }, guards: [] });
    expect(units.number("t", { value: 1.02, unit: "ms" })).toBe(1.02);
    expect(units.number("t", { value: 950, unit: "µs" })).toBe(0.95);
    expect(units.number("other", { value: 950, unit: "µs" })).toBe(950);
  });
});
