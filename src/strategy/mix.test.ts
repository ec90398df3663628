import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Pull } from "../ledger/index.ts";
import { generator } from "../researcher/index.ts";
import { type Arm, choose } from "./mix.ts";

interface Simulated extends Arm {
  /** Chance of a keep, its gain, and what one pull costs. */
  chance: number;
  gain: number;
  ms: number;
  dollars: number | null;
}

function simulate(arms: readonly Simulated[], rounds: number, seed: number): Pull[] {
  const luck = generator(seed, 1);
  const pulls: Pull[] = [];
  for (let at = 0; at < rounds; at++) {
    const name = choose(arms, pulls.slice(-500), generator(seed, at));
    const { chance, gain, ms, dollars } = arms.find((arm) => arm.name === name) as Simulated;
    pulls.push({ researcher: name, at, gain: luck() < chance ? gain * (0.5 + luck()) : 0, ms, dollars });
  }
  return pulls;
}

const arm = (name: string, over: Partial<Simulated> = {}): Simulated => ({
  ...{ name, share: 1, paid: true, chance: 0.1, gain: 1, ms: 1000, dollars: 0.1 },
  ...over,
});
const share = (pulls: readonly Pull[], name: string) =>
  pulls.filter((pull) => pull.researcher === name).length / pulls.length;
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const seeds = Array.from({ length: 20 }, (_, index) => index + 1);
/** Mean share of the pulls that `best` gets. */
const budget = (arms: Simulated[], rounds: number) =>
  mean(seeds.map((seed) => share(simulate(arms, rounds, seed), "best")));

describe("the choice among several researchers", () => {
  it("gives the one that gains more most of the budget", () => {
    expect(budget([arm("best", { chance: 0.3 }), arm("other", { chance: 0.03 })], 150)).toBeGreaterThan(0.65);
  });

  it("gives the one that gains as much for less money, or in less time, most of the budget", () => {
    expect(budget([arm("best"), arm("other", { dollars: 2 })], 300)).toBeGreaterThan(0.6);
    expect(budget([arm("best"), arm("other", { ms: 20_000 })], 300)).toBeGreaterThan(0.6);
  });

  it("finds the better one against its share", () => {
    const arms = [arm("best", { chance: 0.3, share: 1 }), arm("other", { chance: 0.02, share: 5 })];
    expect(budget(arms, 200)).toBeGreaterThan(0.55);
  });

  it("follows when another one becomes better", () => {
    const late = seeds.map((seed) => {
      const first = simulate([arm("best", { chance: 0 }), arm("other", { chance: 0.3 })], 150, seed);
      const pulls = [...first];
      const luck = generator(seed, 9);
      const arms = [arm("best", { chance: 0.3 }), arm("other", { chance: 0 })];
      for (let at = 150; at < 500; at++) {
        const name = choose(arms, pulls.slice(-500), generator(seed, at));
        const { chance } = arms.find((each) => each.name === name) as Simulated;
        pulls.push({ researcher: name, at, gain: luck() < chance ? 1 : 0, ms: 1000, dollars: 0.1 });
      }
      return share(pulls.slice(-150), "best");
    });
    expect(mean(late)).toBeGreaterThan(0.6);
  });

  it("lets none starve at the start, whatever the shares and costs", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            share: fc.double({ min: 0.01, max: 100, noNaN: true }),
            chance: fc.double({ min: 0, max: 1, noNaN: true }),
            ms: fc.double({ min: 0, max: 1e7, noNaN: true }),
            dollars: fc.option(fc.double({ min: 0, max: 100, noNaN: true })),
            paid: fc.boolean(),
          }),
          { minLength: 2, maxLength: 5 },
        ),
        fc.nat(),
        (given, seed) => {
          const arms = given.map((each, index) => arm(`r${index}`, each));
          const pulls = simulate(arms, 3 * arms.length, seed);
          for (const { name } of arms)
            expect(pulls.filter((pull) => pull.researcher === name)).toHaveLength(3);
        },
      ),
    );
  });

  it("is the same for the same seed and the same past", () => {
    const arms = [arm("a"), arm("b", { dollars: null }), arm("c", { paid: false, dollars: null })];
    expect(simulate(arms, 100, 7)).toEqual(simulate(arms, 100, 7));
  });
});
