import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { git, noisyLab, repository, whet } from "./support/lab.ts";

/** A lab with a session that tried two changes. */
async function worked() {
  const lab = repository(noisyLab({ program: "warmup: 1\nresearcher: search" }));
  const run = await whet(lab, "run", "--tag", "night", "--experiments", "2", "--audit", "0", "--no-probe");
  expect(run.stderr).toBe("");
  const contract = join(lab, "program.md");
  const before = readFileSync(contract, "utf8");
  return { lab, contract, putBack: () => writeFileSync(contract, before) };
}

const shown = async (lab: string, ...args: string[]): Promise<string> =>
  (JSON.parse((await whet(lab, "status", "--json", ...args)).stdout) as { tag: string }).tag;

it("a check of an edited contract hides no finished session, and once it is put back the old one goes on", async () => {
  const { lab, contract, putBack } = await worked();
  appendFileSync(contract, "An instruction more.\n");
  const check = await whet(lab, "check");
  expect(check.stderr).toMatch(
    /program\.md has changed since session "night": beginning a new session .*whet rescore.*--tag night goes on/,
  );
  expect(await shown(lab)).toBe("night");
  expect(await whet(lab, "run", "--tag", "night")).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/put program\.md back as it was and --tag night goes on.*whet rescore/s),
  });

  putBack();
  expect(await shown(lab)).toBe("night");
  expect(JSON.parse((await whet(lab, "log", "--json")).stdout)).toHaveLength(2);
  const run = await whet(lab, "run", "--experiments", "3", "--audit", "0", "--no-probe");
  expect(run).toMatchObject({ code: 0, stderr: "" });
  expect(run.stdout).not.toMatch(/beginning a new session/);
  expect(JSON.parse((await whet(lab, "log", "--json")).stdout)).toHaveLength(3);
  // Its warm-up run and those of the other session are no damage.
  expect((await whet(lab, "doctor")).stdout).toMatch(/all is well/);
});

it("a session that was begun under the contract of now is shown, and another contract file leads to its own", async () => {
  const { lab, contract, putBack } = await worked();
  appendFileSync(contract, "An instruction more.\n");
  const run = await whet(lab, "run", "--tag", "other", "--experiments", "1", "--audit", "0", "--no-probe");
  expect(run.code).toBe(0);
  expect(await shown(lab)).toBe("other");
  const edited = readFileSync(contract, "utf8");
  putBack();
  expect(await shown(lab)).toBe("night");
  writeFileSync(join(lab, "second.md"), edited);
  expect(await shown(lab, "second.md")).toBe("other");
  // Neither belongs to it: the newest that holds experiments.
  appendFileSync(contract, "Yet another.\n");
  expect(await shown(lab)).toBe("other");
  git(lab, "commit", "-q", "--allow-empty", "-m", "moved");
  putBack();
  expect((await whet(lab, "check")).stderr).toMatch(/HEAD has moved since session "night"/);
  expect(await shown(lab)).toBe("night");
});
