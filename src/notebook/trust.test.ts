import { expect, it } from "vitest";
import { type Contract, parseProgram } from "../contract/index.ts";
import { trust } from "./trust.ts";

const plain = parseProgram(
  "---\ngoal: g\nmetric: m\ndirection: minimize\nchange: [a]\nrun: a\nscore: s\n---\n",
).program?.contract as Contract;
const isolation = { level: "L2" as const, enforced: [], watched: [], notEnforced: [], evidence: [] };
const words = "candidates have the network";

it.each<[where: string, more: Partial<Contract>]>([
  ["the run", { budget: { ...plain.budget, network: ["a.org:443"] } }],
  ["a rung", { stages: [{ name: "small", run: "a", decides: false, budget: { network: true } }] }],
  ["a check", { checks: [{ command: "c", time: 1, network: true }] }],
])("the network of %s lowers the grade: a candidate's code runs there", (_, more) => {
  expect(trust({ ...plain, ...more }, "scored", isolation, [], false).reasons.join()).toContain(words);
  expect(trust(plain, "scored", isolation, [], false).reasons.join()).not.toContain(words);
});
