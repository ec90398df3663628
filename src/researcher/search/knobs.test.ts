import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Value } from "./knob.ts";
import { findKnobs, setKnobs } from "./knobs.ts";
import { coordinate, steps } from "./steps.ts";

const samples: Record<string, string> = {
  "train.ts": `import { x } from "./x-2.ts"; // 1 | 2
/** 4 heads */
export const LEARNING_RATE = 3e-4; // 1e-5 .. 1e-1
const BATCH = 16 * 1024, STEPS = 1_000_000;
let depth: number = 4;
const SEED = 7;
const VERSION = 3;
const url = "http://a/5", re = /[6]/g, tpl = \`7\`;
const FAST = false;
const KIND: "a" | "b" | "c" = "b";
type Shape = "round" | "flat";
const SHAPE: Shape = "flat";
const MODES = ["slow", "quick"] as const;
const mode: (typeof MODES)[number] = 'slow';
const ACTIVATION = "relu"; // relu | gelu
// one of: sum, mean
const POOL = "sum";
const NEGATIVE = -0.5;
const settings = { inner: { rate: 1.0 }, "quoted-key": 8, on: true } as const;
const BETAS = [0.9, 0.95];
const made = create({ size: 3 }, 4);
class Model { static width = 64; other = 5 }
export default { limit: 12 };
function f(a = 9) { const local = 10; return a + local; }
`,
  "train.py": `"""Docs 1"""
import torch
LEARNING_RATE: float = 3e-4
TOTAL = 2**19  # range 1024-1048576
ADAM_BETAS = (0.8, 0.95)
seed = 42
USE_BIAS = False
activation = "relu"  # relu | gelu
kind: Literal["x", "y"] = "x"
config = dict(lr=1e-3, n=2)
table = {"a": 1, "deep": {"b": 2.5}}
name = "run-3"
@dataclass
class Config:
    n_layer: int = 12
    dropout: float = 0.0
    def f(self, k=2):
        q = 3
if True:
    hidden = 5
`,
  "config.json": `{
\t"version": 2, "$schema": "x", "port": 8080,
\t"rate": 1.5e-3, "deep": { "on": true, "list": [1, -2] }, "name": "4"
}
`,
  "config.yaml": `# header 1
threshold: 3 # 0 .. 10
date: 2024-05-01
version: 2
mode: fast   # fast | slow
flag: True
deep:
  - 0.25
  - text 7
quoted: "a" # a | b
`,
  "config.toml": `# top = 1
title = "v 2"
rate = 1_000
text = """
inside = 3
"""
[model]
width = 0.5 # 0.1 .. 2
on = false
kind = 'a' # a | b
when = 2024-01-01
[[layers]]
size = 1
[[layers]]
size = 2
`,
  "page.css": `:root { --gap: 1.5rem; --color: #123456; }
@media (min-width: 600px) { .a { margin: 2px -3px 0 } }
.b { line-height: 1.20; background: url("x-4.png"); transition: color 200ms } /* 9px */
`,
  "prompt.md": `---
temperature: 0.7
style: short # short | long
---
# 3 things

Use 4 words.
`,
};

function table(file: string): Record<string, Value> {
  return Object.fromEntries(findKnobs(file, samples[file] as string).map(({ name, value }) => [name, value]));
}

describe("findKnobs", () => {
  it("finds top-level constants of TypeScript and leaves strings, imports, seeds and local values alone", () => {
    expect(table("train.ts")).toEqual({
      LEARNING_RATE: 3e-4,
      BATCH: 16384,
      STEPS: 1e6,
      depth: 4,
      FAST: false,
      KIND: "b",
      SHAPE: "flat",
      mode: "slow",
      ACTIVATION: "relu",
      POOL: "sum",
      NEGATIVE: -0.5,
      "settings.inner.rate": 1,
      "settings.quoted-key": 8,
      "settings.on": true,
      "BETAS.0": 0.9,
      "BETAS.1": 0.95,
      "made.size": 3,
      "Model.width": 64,
      "default.limit": 12,
    });
    const knobs = findKnobs("train.ts", samples["train.ts"] as string);
    expect(knobs.find(({ name }) => name === "LEARNING_RATE")).toMatchObject({
      low: 1e-5,
      high: 0.1,
      scale: "log",
    });
    expect(knobs.find(({ name }) => name === "mode")?.choices).toEqual(["slow", "quick"]);
  });

  it("finds module-level constants, class fields, dictionaries and keyword arguments of Python", () => {
    expect(table("train.py")).toEqual({
      LEARNING_RATE: 3e-4,
      TOTAL: 524288,
      "ADAM_BETAS.0": 0.8,
      "ADAM_BETAS.1": 0.95,
      USE_BIAS: false,
      activation: "relu",
      kind: "x",
      "config.lr": 1e-3,
      "config.n": 2,
      "table.a": 1,
      "table.deep.b": 2.5,
      "Config.n_layer": 12,
      "Config.dropout": 0,
    });
    const total = findKnobs("train.py", samples["train.py"] as string).find(({ name }) => name === "TOTAL");
    expect(total).toMatchObject({ low: 1024, high: 1048576, integer: true });
  });

  it("finds numbers, booleans and commented choices in JSON, YAML, TOML, CSS and front matter", () => {
    expect(table("config.json")).toEqual({
      rate: 1.5e-3,
      "deep.on": true,
      "deep.list.0": 1,
      "deep.list.1": -2,
    });
    expect(table("config.yaml")).toEqual({
      threshold: 3,
      mode: "fast",
      flag: true,
      "deep.0": 0.25,
      quoted: "a",
    });
    expect(table("config.toml")).toEqual({
      rate: 1000,
      "model.width": 0.5,
      "model.on": false,
      "model.kind": "a",
      "layers.size": 1,
      "layers.size (2)": 2,
    });
    expect(table("page.css")).toEqual({
      ":root --gap": 1.5,
      ".a margin": 2,
      ".a margin (2)": -3,
      ".b line-height": 1.2,
      ".b transition": 200,
    });
    expect(table("prompt.md")).toEqual({ temperature: 0.7, style: "short" });
  });

  it("offers default arguments only where a file has nothing else", () => {
    expect(
      findKnobs("a.js", "export function f(size = 4, { b } = {}) {}\nconst g = (on = true) => on;").map(
        (k) => k.name,
      ),
    ).toEqual(["f.size", "g.on"]);
    expect(findKnobs("a.py", "def f(a, size: int = 4, on=True):\n    pass\n").map((k) => k.name)).toEqual([
      "f.size",
      "f.on",
    ]);
  });

  it("takes no year and no page number in a comment for a bound", () => {
    for (const comment of ["tuned 2024-2025", "see 10 to 20", "2024-05-01"])
      expect(findKnobs("a.py", `x = 0.3  # ${comment}\n`)[0]?.high).toBe(Number.POSITIVE_INFINITY);
  });

  it("finds nothing in other languages and in broken documents, and never throws", () => {
    expect(findKnobs("a.rs", "const X: u8 = 1;")).toEqual([]);
    expect(findKnobs("a.json", '{"a": ')).toEqual([]);
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(samples)),
        fc.string({ unit: "grapheme" }),
        fc.nat(),
        (file, junk, at) => {
          const text = samples[file] as string;
          const place = at % text.length;
          const broken = text.slice(0, place) + junk + text.slice(place + (at % 7));
          for (const knob of findKnobs(file, broken))
            expect(broken.slice(knob.start, knob.end)).toBe(knob.literal);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("setKnobs", () => {
  it("changes the named knobs alone and keeps everything else byte for byte, in every language", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(samples)),
        fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        (file, picks, windows) => {
          let text = samples[file] as string;
          if (windows) text = text.replaceAll("\n", "\r\n");
          // Several rounds, so that values which the search itself has written are met as well.
          for (const [which, step] of picks) {
            const knobs = findKnobs(file, text);
            const knob = knobs[which % knobs.length] as (typeof knobs)[number];
            const values = steps(knob);
            const value = values[step % values.length];
            if (value === undefined) continue;
            const after = setKnobs(text, new Map([[knob, value]]));
            expect(after.slice(0, knob.start)).toBe(text.slice(0, knob.start));
            expect(after.slice(after.length - (text.length - knob.end))).toBe(text.slice(knob.end));
            const expected = knobs.map((each) => [each.name, each === knob ? value : each.value]);
            expect(findKnobs(file, after).map((each) => [each.name, each.value])).toEqual(expected);
            text = after;
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("can set a length to zero and find it again, and leaves bare zeros alone", () => {
    const text = "a { margin: 1px 0 }";
    const [knob, more] = findKnobs("a.css", text);
    expect(more).toBeUndefined();
    const zero = setKnobs(text, new Map([[knob as NonNullable<typeof knob>, 0]]));
    expect(zero).toBe("a { margin: 0px 0 }");
    expect(findKnobs("a.css", zero).map(({ name, value }) => [name, value])).toEqual([["a margin", 0]]);
  });

  it("writes numbers in the manner of what stood there", () => {
    const set = (file: string, text: string, value: Value) => {
      const [knob] = findKnobs(file, text);
      return knob ? setKnobs(text, new Map([[knob, value]])) : null;
    };
    expect(set("a.py", "x = 1e-3", 0.0025)).toBe("x = 2.5e-3");
    expect(set("a.py", "x = 1E-3", 0.002)).toBe("x = 2E-3");
    expect(set("a.py", "x = 1.0", 2)).toBe("x = 2.0");
    expect(set("a.py", "x = 0.001", 0.00001)).toBe("x = 0.00001");
    expect(set("a.ts", "const x = 1_000_000", 2_000_000)).toBe("const x = 2_000_000");
    expect(set("a.ts", "const x = 2 ** 14", 32768)).toBe("const x = 32768");
    expect(set("a.css", "a { margin: 1.50rem }", 3)).toBe("a { margin: 3.0rem }");
    expect(set("a.yaml", "flag: TRUE", false)).toBe("flag: FALSE");
    expect(set("a.py", "flag = True", false)).toBe("flag = False");
    expect(set("a.py", "x = 0.5", 1e22)).toBe("x = 1e+22");
    expect(set("a.py", "x = 1_000", 1e300)).toBe("x = 1e+300");
  });
});

describe("steps", () => {
  const of = (line: string) => steps(findKnobs("a.py", line)[0] as ReturnType<typeof findKnobs>[number]);

  it("doubles and halves, keeps whole numbers whole, and prefers round ones", () => {
    expect(of("lr = 0.001")).toEqual(expect.arrayContaining([0.002, 0.0005, 0.004, 0.00025, 0.0013]));
    expect(of("batch = 16384")).toEqual(expect.arrayContaining([32768, 8192]));
    expect(of("depth = 3")).toEqual(expect.arrayContaining([2, 4, 6]));
    expect(of("depth = 3").every((value) => Number.isInteger(value) && (value as number) > 0)).toBe(true);
  });

  it("stays below one where only a share makes sense, and within the bounds that a comment states", () => {
    expect(of("beta1 = 0.9").every((value) => (value as number) > 0 && (value as number) < 1)).toBe(true);
    expect(of("x = 20  # 5 .. 30").every((value) => (value as number) >= 5 && (value as number) <= 30)).toBe(
      true,
    );
    expect(of("x = 0  # 0 .. 10").every((value) => (value as number) > 0 && (value as number) <= 10)).toBe(
      true,
    );
  });

  it("can switch off what can be off", () => {
    expect(of("weight_decay = 0.1")).toContain(0);
    expect(of("lr = 0.1")).not.toContain(0);
  });

  it("gives new and finite values on a rising scale, whatever stands there", () => {
    const names = fc.constantFrom("x", "lr", "beta", "weight", "depth");
    fc.assert(
      fc.property(
        names,
        fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e12, max: 1e12 }),
        (name, value) => {
          const [knob] = findKnobs("a.py", `${name} = ${value}`);
          if (!knob) return;
          const values = steps(knob) as number[];
          expect(new Set(values).size).toBe(values.length);
          expect(values).not.toContain(knob.value);
          for (const each of values) {
            expect(Number.isFinite(each)).toBe(true);
            const distance = coordinate(knob, each) - coordinate(knob, knob.value as number);
            if (Number.isFinite(distance) && distance !== 0)
              expect(Math.sign(distance)).toBe(Math.sign(each - (knob.value as number)));
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
