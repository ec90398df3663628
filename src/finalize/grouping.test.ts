import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { independentGroups } from "./grouping.ts";

/** Changes 1 to n with what each of them rests on: always earlier ones. */
const histories = fc
  .integer({ min: 1, max: 9 })
  .chain((n) =>
    fc.tuple(
      fc.constant(Array.from({ length: n }, (_, index) => index + 1)),
      fc.array(fc.array(fc.nat(8), { maxLength: 2 }), { minLength: n, maxLength: n }),
      fc.array(fc.boolean(), { minLength: n, maxLength: n }),
    ),
  );

function resting(all: readonly number[], raw: readonly number[][]): Map<number, number[]> {
  return new Map(
    all.map((number, index) => [number, (raw[index] ?? []).filter((on) => on >= 1 && on < number)]),
  );
}

describe("independent groups", () => {
  it("are the connected parts of what rests on what, and hold nothing that they do without", async () => {
    await fc.assert(
      fc.asyncProperty(histories, async ([all, raw, flags]) => {
        const on = resting(all, raw);
        const fits = async (group: readonly number[]) =>
          group.every((number) => on.get(number)?.every((needed) => group.includes(needed)));
        const wanted = all.filter((_, index) => flags[index]);
        const groups = await independentGroups(all, wanted, fits);

        const members = groups.flat();
        expect(new Set(members).size).toBe(members.length);
        for (const number of wanted) expect(members).toContain(number);
        for (const group of groups) {
          expect(await fits(group)).toBe(true);
          expect(group).toEqual([...group].sort((a, b) => a - b));
          expect(group.some((number) => wanted.includes(number))).toBe(true);
        }
        // Exactly what the wanted ones rest on, however far back.
        const needed = new Set<number>();
        const follow = (number: number) => {
          needed.add(number);
          for (const next of on.get(number) ?? []) follow(next);
        };
        for (const number of wanted) follow(number);
        expect(new Set(members)).toEqual(needed);
        // Within a group everything hangs together, so no group could be split.
        for (const group of groups) {
          const [first, ...rest] = group;
          const reached = new Set([first as number]);
          for (let before = 0; before !== reached.size; ) {
            before = reached.size;
            for (const number of rest)
              if (
                [...reached].some(
                  (other) => on.get(number)?.includes(other) || on.get(other)?.includes(number),
                )
              )
                reached.add(number);
          }
          expect([...reached].sort((a, b) => a - b)).toEqual(group);
        }
      }),
    );
  });

  it("are disjoint and apply, alone and all together, even where changes get in each other's way", async () => {
    await fc.assert(
      fc.asyncProperty(
        histories,
        fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }))),
        async ([all, raw, flags], clashes) => {
          const on = resting(all, raw);
          // Two that clash need everything before the later one between them; every state that was kept applies.
          const fits = async (group: readonly number[]) =>
            group.every((number, index) => number === all[index]) ||
            (group.every((number) => on.get(number)?.every((needed) => group.includes(needed))) &&
              !clashes.some(([one, other]) => one !== other && group.includes(one) && group.includes(other)));
          const wanted = all.filter((_, index) => flags[index]);
          const groups = await independentGroups(all, wanted, fits);
          const members = groups.flat();
          expect(new Set(members).size).toBe(members.length);
          for (const number of wanted) expect(members).toContain(number);
          for (const group of groups) expect(await fits(group)).toBe(true);
          expect(await fits(members.sort((a, b) => a - b))).toBe(true);
        },
      ),
    );
  });

  it("are one for each change where nothing rests on anything, and none where nothing is wanted", async () => {
    const free = async () => true;
    expect(await independentGroups([2, 5, 9], [9, 2, 5], free)).toEqual([[2], [5], [9]]);
    expect(await independentGroups([2, 5, 9], [], free)).toEqual([]);
  });
});
