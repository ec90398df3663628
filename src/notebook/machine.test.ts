import { expect, it } from "vitest";
import { parseProgram } from "../contract/index.ts";
import type { MachineRow } from "../ledger/index.ts";
import { machineOf } from "./machine.ts";

function contract(lines: string) {
  const parsed = parseProgram(`---\ngoal: g\nchange: [a.js]\nrun: node a.js\n${lines}\n---\n`);
  if (!parsed.program) throw new Error(JSON.stringify(parsed.problems));
  return parsed.program.contract;
}

const loss = contract("metric: loss\ndirection: minimize");
const row = (over: Partial<MachineRow>): MachineRow => ({
  ...{ arm: "incumbent", purpose: "race", stage: null, state: "a", value: 1, startedAt: 0, wallMs: 1000 },
  machine: null,
  ...over,
});
const shares = (others: number, steal: number) => JSON.stringify({ others, steal, load: null });
const minute = 60_000;

it("weighs each run by its time and tells the worst", () => {
  const runs = [
    row({ wallMs: 3000, machine: shares(0.1, 0) }),
    row({ wallMs: 1000, machine: shares(0.5, 0.04) }),
    row({ wallMs: 9000 }),
  ];
  expect(machineOf(loss, runs)).toEqual({
    ...{ timed: false, pinned: false, drift: null },
    others: { mean: expect.closeTo(0.2), worst: 0.5 },
    steal: { mean: expect.closeTo(0.01), worst: 0.04 },
  });
  expect(machineOf(loss, [row({})])).toMatchObject({ others: null, steal: null });
});

it("knows from the contract what is timed and what is pinned", () => {
  expect(machineOf(contract("metric: {name: s, clock: wall}"), []).timed).toBe(true);
  expect(machineOf(contract("metric: {name: s, clock: memory}"), []).timed).toBe(false);
  const guard = "guards: [{name: s, clock: cpu, max: 3}]";
  expect(machineOf(contract(`metric: loss\ndirection: minimize\n${guard}`), []).timed).toBe(true);
  expect(machineOf(contract('metric: {name: s, clock: cpu}\nbudget: {cpus: "0"}'), []).pinned).toBe(true);
  expect(machineOf(contract("metric: {name: s, clock: cpu}\nbudget: {cpus: 2}"), []).pinned).toBe(false);
});

it("sees unchanged code drift, state by state, and leaves candidates, audits and lower rungs out", () => {
  const rising = Array.from({ length: 8 }, (_, index) => row({ value: index, startedAt: index * minute }));
  expect(machineOf(loss, rising).drift?.perHour).toBeCloseTo(60);
  for (const over of [
    { arm: "candidate" },
    { purpose: "audit" },
    { purpose: "holdout" },
    { stage: "quick" },
    { value: null },
  ] as const)
    expect(
      machineOf(
        loss,
        rising.map((run) => ({ ...run, ...over })),
      ).drift,
    ).toBeNull();
  // What each keep changes is no drift.
  expect(
    machineOf(
      loss,
      rising.map((run, index) => ({ ...run, state: String(index) })),
    ).drift,
  ).toBeNull();
});
