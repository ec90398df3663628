import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PastExperiment } from "../researcher.ts";
import type { Knob, Value } from "./knob.ts";
import { findKnobs, setKnobs } from "./knobs.ts";
import { memory } from "./memory.ts";
import { startText } from "./simulated.ts";
import { steps } from "./steps.ts";

function experiment(before: string | null, after: string | null): PastExperiment {
  return {
    id: 1,
    hypothesis: { what: "" },
    changes: { "train.ts": after },
    before: { "train.ts": before },
    decision: "discard",
    effect: null,
    t: null,
    reason: "",
  };
}

describe("memory", () => {
  it("reads which knobs an experiment moved, whether literals alone differ or other text too", () => {
    const knobs = findKnobs("train.ts", startText);
    fc.assert(
      fc.property(fc.subarray(knobs), fc.nat(), (chosen, which) => {
        const settings = new Map<Knob, Value>();
        for (const knob of chosen) {
          const values = steps(knob);
          settings.set(knob, values[which % values.length] as Value);
        }
        const after = setKnobs(startText, settings);
        const moves = chosen.map((knob) => ({
          key: `train.ts#${knob.name}`,
          from: knob.value,
          to: settings.get(knob),
        }));
        expect(memory().read(experiment(startText, after)).moves).toEqual(moves);
        const more = `// a new line\n${after}export const ADDED = 1;\n`;
        expect(memory().read(experiment(startText, more)).moves).toEqual(moves);
      }),
    );
  });

  it("finds no move in a file that was made or deleted", () => {
    expect(memory().read(experiment(null, startText)).moves).toEqual([]);
    expect(memory().read(experiment(startText, null)).moves).toEqual([]);
  });
});
