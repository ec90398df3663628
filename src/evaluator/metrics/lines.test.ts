import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Contract, parseProgram } from "../../contract/index.ts";
import { clockValue, readMetrics as readAny, Units, wantedOf } from "./index.ts";

function contract(lines: string): Contract {
  const parsed = parseProgram(`---\ngoal: g\nchange: [a.js]\nrun: node a.js\n${lines}\n---\n`);
  if (!parsed.program) throw new Error(JSON.stringify(parsed.problems));
  return parsed.program.contract;
}

/** Units of a contract that names this metric, without a unit unless one is said. */
const unitsOf = (name = "loss", unit?: string) =>
  new Units({
    metric: { name, direction: "minimize", minEffect: 0, ...(unit === undefined ? {} : { unit }) },
    guards: [],
  });
const read = (output: string, wanted: Parameters<typeof readAny>[1]) => readAny(output, wanted, unitsOf());

/** The metric of a contract that has no guards. */
const readMetrics = (output: string, [metric]: readonly string[]) =>
  read(output, { ...(metric === undefined ? {} : { metric }), guards: [] });

describe("reading metrics", () => {
  it.each([
    ["loss: 0.5", 0.5],
    ["  loss = 0.5  ", 0.5],
    ["METRIC loss=0.5", 0.5],
    ["METRIC loss: -5e-1", -0.5],
    ["loss: +.5", 0.5],
    ["loss: 5.", 5],
    ['{"loss": 0.5, "name": "x"}', 0.5],
    ['{"metrics": {"loss": 0.5}}', 0.5],
    ["epoch 1 of 3\r\nloss: 0.5\r\ndone", 0.5],
    ["loss: 0.5\nloss: 0.50", 0.5],
    ["loss: 0.5\nMETRIC loss=0.5", 0.5],
    ["loss: 1,234.5 ms", 1234.5],
    ["loss: 87.5%", 87.5],
    ["loss=1.85x", 1.85],
    ["loss: 3.2e-4", 3.2e-4],
    ["loss: 12.3 MiB/s", 12.3],
    ["loss: 0.5 ± 0.1", 0.5],
    ["\u001b[32mloss: 0.5\u001b[0m", 0.5],
    ['{\n  "loss": 0.5,\n  "other": { "loss": 2 }\n}\n', 0.5],
    ['reading ...\n{\n  "metrics": {\n    "loss": 0.5\n  }\n}\ndone', 0.5],
    ['[{"loss": 0.5}]', 0.5],
    ["0.5\n", 0.5],
    ["  1,234.5 ms ", 1234.5],
  ])("finds it in %j", (output, value) => {
    expect(readMetrics(output, ["loss"])).toMatchObject({ metrics: { loss: value } });
  });

  it.each([
    "",
    "Loss: 0.5",
    "the loss: 0.5",
    "loss: 0.5 (best)",
    "loss: 0x10",
    "loss: 1,5",
    "loss: 1_000",
    "loss 0.5",
    "loss: e5",
    '{"loss": "0.5"}',
    '{"other": {"loss": 0.5}}',
    '{"metrics": {"other": 1}, "loss": 0.5}',
    '{"loss": 0.5',
    "loss: 0.5 best",
    "loss: 5 points",
    "1\n2",
    "0.5 points",
    '{\n  "loss": 0.5,\n',
  ])("finds none in %j", (output) => {
    expect(readMetrics(output, ["loss"])).toEqual({
      failure: { kind: "no-metric", message: 'the output has no line "loss: <number>"' },
    });
  });

  it.each([
    "loss: nan",
    "loss: NaN",
    "loss: inf",
    "loss=-Infinity",
    "loss: 1e999",
    '{"loss": null}',
    '{"loss": 1e999}',
  ])("calls %j a failure and no score", (output) => {
    expect(readMetrics(output, ["loss"])).toEqual({
      failure: { kind: "bad-metric", message: "the metric loss is not a finite number" },
    });
    expect(readMetrics(`loss: 1\n${output}`, ["loss"])).toMatchObject({ failure: { kind: "bad-metric" } });
  });

  it("does not choose between two different values", () => {
    expect(readMetrics('loss: 0.5\n{"loss": 0.1}', ["loss"])).toEqual({
      failure: {
        kind: "bad-metric",
        message: "the metric loss was reported with 2 different values: 0.5, 0.1",
        details: expect.stringContaining("from: {regex: '"),
      },
    });
  });

  it("converts to the unit that the contract says, or else to the one that was printed first", () => {
    const wanted = { metric: "loss", guards: [] };
    const inSeconds = unitsOf("loss", "s");
    expect(readAny("loss: 950 µs", wanted, inSeconds)).toEqual({ metrics: { loss: 0.00095 } });
    expect(readAny("loss: 2 min", wanted, inSeconds)).toEqual({ metrics: { loss: 120 } });
    expect(readAny("loss: 0.5", wanted, inSeconds)).toEqual({ metrics: { loss: 0.5 } });
    const unsaid = unitsOf("loss");
    expect(readAny("loss: 1.02 ms", wanted, unsaid)).toEqual({ metrics: { loss: 1.02 } });
    expect(readAny("loss: 950 µs", wanted, unsaid)).toEqual({ metrics: { loss: 0.95 } });
    expect(readAny("loss: 2 bits/byte", wanted, unitsOf("loss", "bits/byte"))).toEqual({
      metrics: { loss: 2 },
    });
    expect(readAny("loss: 5 points", wanted, unitsOf("loss", "points"))).toEqual({ metrics: { loss: 5 } });
  });

  it("leaves out what nobody asked for when it is ambiguous or not finite", () => {
    expect(readMetrics("loss: 1\nextra: 1\nextra: 2\nother: nan", ["loss"])).toEqual({
      metrics: { loss: 1 },
    });
  });

  it("passes over lines that are absurdly long, quickly", () => {
    const long = `{"loss": 2, "pad": "${"x".repeat(5_000_000)}"}`;
    const began = performance.now();
    expect(readMetrics(`${long}\n${"loss: ".repeat(1_000_000)}\nloss: 1`, ["loss"])).toEqual({
      metrics: { loss: 1 },
    });
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it("does not take what every object has for a metric", () => {
    for (const name of ["constructor", "toString", "__proto__"])
      expect(readMetrics("loss: 1", [name])).toMatchObject({ failure: { kind: "no-metric" } });
    expect(readMetrics('{"__proto__": {"polluted": 1}, "__proto__": 5}', [])).toEqual({ metrics: {} });
  });

  it("never throws and never returns what is no finite number, whatever was printed", () => {
    const key = fc.constantFrom("loss", "acc", "__proto__", "constructor", "a/b-c.d", "9x", "");
    const value = fc.oneof(
      fc.double().map(String),
      fc.constantFrom("nan", "inf", "-Infinity", "1e999", "null", "true", "1e", "--1", "٣"),
      fc.string({ maxLength: 8 }),
    );
    const line = fc.oneof(
      fc.tuple(key, fc.constantFrom(":", "=", " = ", " "), value).map((all) => all.join("")),
      fc.tuple(key, value).map(([name, text]) => `{"${name}": ${text}}`),
      fc.tuple(key, value).map(([name, text]) => `{"metrics": {"${name}": ${text}}}`),
      fc.json(),
      fc.string({ unit: "binary", maxLength: 40 }),
    );
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 12 }),
        key,
        fc.array(key, { maxLength: 2 }),
        (lines, metric, guards) => {
          const found = read(lines.join("\n"), { metric, guards });
          if ("failure" in found) {
            expect(["no-metric", "bad-metric"]).toContain(found.failure.kind);
            return;
          }
          for (const each of Object.values(found.metrics)) expect(Number.isFinite(each)).toBe(true);
          for (const name of [metric, ...guards]) expect(Object.hasOwn(found.metrics, name)).toBe(true);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("reads back every finite number in each form", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        for (const output of [`m: ${value}`, `METRIC m=${value}`, JSON.stringify({ metrics: { m: value } })])
          expect(readMetrics(output, ["m"])).toEqual({
            metrics: { m: value === 0 ? expect.closeTo(0) : value },
          });
      }),
    );
  });
});

describe("Whetstone's own clock", () => {
  const run = { wallMs: 1500, cpuMs: 250, peakBytes: 4096, gpuPeakBytes: 2 ** 30 };
  it("says seconds for time and bytes for memory and size", () => {
    const size = (path: string) => path.length;
    expect(clockValue({ kind: "wall" }, run, size)).toBe(1.5);
    expect(clockValue({ kind: "cpu" }, run, size)).toBe(0.25);
    expect(clockValue({ kind: "memory" }, run, size)).toBe(4096);
    expect(clockValue({ kind: "gpu-memory" }, run, size)).toBe(2 ** 30);
    expect(clockValue({ kind: "size", path: "model.bin" }, run, size)).toBe(9);
  });
});

describe("the guards of a run", () => {
  const both = { metric: "loss", guards: ["width", "cost"] };

  it.each([
    ["one is missing", "loss: 1\ncost: 2", /^the guard width was not reported/],
    ["all are missing", "loss: 1", /^the guard width was not reported/],
    ["one is text", '{"loss": 1, "width": "90", "cost": 2}', /^the guard width was not reported/],
    [
      "one is null, which serialisers write for NaN",
      '{"metrics": {"loss": 1, "width": null, "cost": 2}}',
      /^the guard width is not a finite number/,
    ],
    ["one is nan", "loss: 1\nwidth: nan\ncost: 2", /^the guard width is not a finite number/],
    ["one is infinite", "loss: 1\nwidth: 9\ncost: -1e999", /^the guard cost is not a finite number/],
    [
      "one is there with two values",
      "loss: 1\nwidth: 90\nwidth: 4000\ncost: 2",
      /^the guard width was reported with 2 different values/,
    ],
  ])("are a failed run when %s", (_, output, message) => {
    expect(read(output, both)).toMatchObject({
      failure: { kind: "bad-metric", message: expect.stringMatching(message) },
    });
  });

  it("are wanted whatever measures the metric, unless Whetstone measures them itself", () => {
    const { metric, guards } = contract(
      'metric: { name: m, clock: wall }\nguards: [{ name: g, max: 1, direction: minimize }, { name: peak, clock: memory, max: 3MB }]\nchecks: ["true"]',
    );
    expect(wantedOf({ metric, guards })).toEqual({ guards: ["g"] });
  });

  it("never pass a run without a finite number for each, whatever was printed", () => {
    const value = fc.oneof(
      fc.double().map(String),
      fc.constantFrom("nan", "null", '"1"', "{}", "[]", "1e999", "true"),
    );
    fc.assert(
      fc.property(fc.option(value), fc.option(value), fc.option(value), (loss, width, cost) => {
        const given = Object.entries({ loss, width, cost }).filter(([, text]) => text !== null);
        const found = read(`{${given.map(([name, text]) => `"${name}": ${text}`).join(", ")}}`, both);
        if ("failure" in found) return;
        for (const name of ["loss", "width", "cost"]) expect(Number.isFinite(found.metrics[name])).toBe(true);
      }),
    );
  });
});
