import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLedger } from "../src/ledger/index.ts";
import { addSkill, catalogueOf, injectIntoPrompt, matchSkills, relateSkills } from "../src/skills/index.ts";

/** A catalogue of 1,000 proven skills, offered to a task: read from the ledger, matched, written, recorded. */

const size = 1000;
const rounds = 101;
const folder = mkdtempSync(join(tmpdir(), "whet-bench-"));
const ledger = await openLedger(join(folder, "ledger.db"));
const subjects =
  "csv json parquet images logs mail calendars invoices contracts maps music tests builds".split(" ");
const deeds = "cleans merges splits validates converts summarises translates plots compares repairs".split(
  " ",
);
const details = "quotes separators dates units duplicates encodings headers outliers retries pages".split(
  " ",
);
const pick = <T>(from: readonly T[], index: number) => from[index % from.length] as T;
for (let index = 0; index < size; index++) {
  const [deed, subject] = [pick(deeds, index), pick(subjects, index * 7)];
  const detail = [0, 3, 5].map((step) => pick(details, index + step)).join(", ");
  await addSkill(ledger, {
    skill: {
      name: `${deed}-${subject}-${index}`,
      description: `${deed} ${subject} with attention to ${detail}. Use it when ${subject} come from case ${index} or when somebody asks for ${pick(deeds, index + 1)} ${subject}.`,
      metadata: {},
      allowedTools: ["Read", "Bash(git:*)"],
      instructions: `Step one of ${index}.\n`.repeat(60),
      files: new Map(),
    },
    origin: "forge",
    category: subject,
    status: index % 2 === 0 ? "gold" : "validated",
  });
  if (index % 50 === 49)
    await relateSkills(ledger, `${deed}-${subject}-${index}`, "depends on", "cleans-csv-0");
}
const task = {
  text: "Clean the invoices that came as CSV by mail: repair quotes and dates, drop duplicates and plot the outliers. Then validate the result and summarise what was changed.",
  tools: ["read", "bash"],
  category: "csv",
};
const entries = await catalogueOf(ledger, ["validated", "gold"]);
const measured = async (work: () => unknown) => {
  const wall: number[] = [];
  const cpu: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    const used = process.threadCpuUsage();
    await work();
    const { user, system } = process.threadCpuUsage(used);
    wall.push(performance.now() - began);
    cpu.push((user + system) / 1000);
  }
  const [first] = wall;
  const at = (times: number[], share: number) =>
    Number((times.sort((a, b) => a - b)[Math.floor(share * (rounds - 1))] as number).toFixed(2));
  // Where others use the machine too, the time of the processor is what the work itself takes.
  return {
    ...{ "first ms": Number(first?.toFixed(2)), "best ms": at(wall, 0), "median ms": at(wall, 0.5) },
    ...{ "95 % ms": at(wall, 0.95), "median CPU ms": at(cpu, 0.5), goal: 10 },
  };
};
const { offered, tokens } = await injectIntoPrompt(ledger, task);
console.table([
  { what: "whole injection", skills: size, ...(await measured(() => injectIntoPrompt(ledger, task))) },
  { what: "reading the catalogue", skills: size, ...(await measured(() => catalogueOf(ledger))) },
  { what: "matching", skills: entries.length, ...(await measured(() => matchSkills(entries, task))) },
]);
console.log(`${offered.length} skills offered in ${tokens} tokens`);
await ledger.close();
rmSync(folder, { recursive: true, force: true });
