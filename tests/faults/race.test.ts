import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { git, noisyLab, repository, startWith, whet } from "../support/lab.ts";
import { query } from "../support/ledger.ts";

const folder = mkdtempSync(join(tmpdir(), "whet-race-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Holds each process until the same instant, when Node is up and nothing of Whetstone is loaded yet. */
const gate = join(folder, "gate.mjs");
writeFileSync(gate, "while (Date.now() < Number(process.env.START_AT));\n");
const gated = (inMs: number) => ({
  NODE_OPTIONS: `--import=${pathToFileURL(gate).href}`,
  START_AT: String(Date.now() + inMs),
});

describe("processes that begin in the same lab at the same instant", () => {
  it.each([2, 5])(
    "of %i one runs and the others are told so",
    async (processes) => {
      const old = repository(noisyLab());
      for (let round = 1; round <= 3; round++) {
        // A new lab every other time: there is no session yet that could be held.
        const lab = round % 2 === 0 ? old : repository(noisyLab());
        const done = round % 2 === 0 ? query(old, "select count(*) from experiments") : 0;
        if (round === 1) await whet(old, "run", "--experiments", "1", "--audit", "0");
        const env = gated(150 + 70 * processes);
        const args = ["run", "--experiments", String(done + 2), "--audit", "0", "--seed", "1"];
        const all = await Promise.all(
          Array.from({ length: processes }, () => startWith(env, lab, ...args).finished),
        );
        const losers = all.filter((each) => each.code !== 0);
        for (const loser of losers) {
          expect(loser.stderr).toMatch(/already running in this lab/);
          expect(loser.code).toBe(2);
        }
        expect(losers).toHaveLength(processes - 1);
        expect(query(lab, "select count(*) from sessions")).toBe(1);
        expect(query(lab, "select count(*) from experiments")).toBe(done + 2);
        expect(
          git(lab, "for-each-ref", "--format=%(refname)", "refs/heads/whetstone").split("\n"),
        ).toHaveLength(2);
      }
      expect((await whet(old, "doctor")).stdout).toMatch(/all is well/);
    },
    120_000,
  );

  it("a new ledger can be opened by many at once", async () => {
    const open = join(import.meta.dirname, "..", "..", "src", "ledger", "index.ts");
    const script = join(folder, "open.mjs");
    writeFileSync(
      script,
      `import { openLedger, sessions } from ${JSON.stringify(pathToFileURL(open).href)};
for (let round = 0; round < 25; round++) {
  while (Date.now() < Number(process.env.START_AT) + 60 * round);
  const ledger = await openLedger(process.argv[2] + "/" + round + "/ledger.db");
  await sessions(ledger);
  await ledger.close();
}
`,
    );
    const env = { ...process.env, START_AT: String(Date.now() + 700) };
    const ended = Array.from({ length: 4 }, () => {
      const child = spawn(process.execPath, [script, folder], { env, stdio: ["ignore", "ignore", "pipe"] });
      let stderr = "";
      child.stderr.on("data", (chunk: Buffer) => {
        stderr += chunk.toString();
      });
      return new Promise<string>((resolve) => child.on("close", (code) => resolve(code === 0 ? "" : stderr)));
    });
    expect(await Promise.all(ended)).toEqual(["", "", "", ""]);
  });
});
