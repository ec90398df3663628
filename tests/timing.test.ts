import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { ledgerPath } from "../src/lab/folder.ts";
import { evaluationsOf, openLedger, sessions } from "../src/ledger/index.ts";
import { takeSlot } from "../src/sandbox/index.ts";
import { program, repository, start, whet } from "./support/lab.ts";

const work = "const end = Date.now() + 300; while (Date.now() < end); console.log('loss: ' + Math.random());";

function lab(metric: string): string {
  return repository({
    "a.mjs": work,
    "program.md": program(`${metric}\nchange: [a.mjs]\nrun: node a.mjs\nbudget: 10s`),
  });
}

async function baseline(folder: string) {
  const ledger = await openLedger(ledgerPath(folder));
  try {
    const [session] = await sessions(ledger);
    return await evaluationsOf(ledger, { baseline: session?.id ?? 0 });
  } finally {
    await ledger.close();
  }
}

/** Begins two sessions at the same moment; the runs of both baselines. */
async function meet(timed: string, other: string) {
  // Both are kept waiting until both are there, so that they meet.
  const slot = await takeSlot("exclusive");
  const sessions = [start(timed, "check", "--fresh"), start(other, "check", "--fresh")];
  await Promise.all(
    sessions.map(({ child, finished }) =>
      Promise.race([
        finished,
        new Promise<void>((resolve) =>
          child.stderr.on("data", (chunk: Buffer) => {
            if (chunk.includes("waiting for another timed run")) resolve();
          }),
        ),
      ]),
    ),
  );
  slot?.release();
  const ended = await Promise.all(sessions.map(({ finished }) => finished));
  expect(ended.map(({ code, stderr }) => (code === 0 ? "" : stderr))).toEqual(["", ""]);
  const [alone, beside] = [await baseline(timed), await baseline(other)];
  expect([alone.length, beside.length]).toEqual([5, 5]);
  const order = [...alone, ...beside].sort((a, b) => a.startedAt - b.startedAt).map((run) => run.channel);
  return { alone, beside, tookTurns: order.indexOf("self-reported") < order.lastIndexOf("clocked") };
}

it("a timed lab and another one at once: no timed run has another run beside it", async () => {
  const timed = lab("metric: {name: seconds, clock: wall}");
  const other = lab("metric: loss\ndirection: minimize");
  let { alone, beside, tookTurns } = await meet(timed, other);
  // On a busy machine one may be through before the other has begun, which shows nothing.
  for (let more = 0; more < 3 && !tookTurns; more++)
    ({ alone, beside, tookTurns } = await meet(timed, other));
  expect(tookTurns).toBe(true);
  for (const a of alone)
    for (const b of beside)
      expect(a.startedAt + a.wallMs <= b.startedAt + 1 || b.startedAt + b.wallMs <= a.startedAt + 1).toBe(
        true,
      );
  if (process.platform === "linux")
    for (const run of alone)
      expect(JSON.parse(run.machine as string)).toMatchObject({
        steal: expect.any(Number),
        others: expect.any(Number),
      });
  const status = await whet(timed, "status", "--json");
  expect(JSON.parse(status.stdout)).toMatchObject({ machine: { timed: true, pinned: false } });
  expect((await whet(timed, "status")).stdout).toMatch(/^machine: /m);
});

it("processors that the machine does not have are refused when a session begins", async () => {
  const folder = repository({
    "a.mjs": work,
    "program.md": program(
      'metric: loss\ndirection: minimize\nchange: [a.mjs]\nrun: node a.mjs\nbudget: {time: 5s, cpus: "0,9999"}',
    ),
  });
  const { code, stderr } = await whet(folder, "check");
  expect(code).toBe(2);
  expect(stderr).toMatch(/names processors that are not to be had here: 9999/);
  expect(stderr).toMatch(/choose among/);
});

it("waiting for other runs on this machine is no cost of an evaluation", async () => {
  const quick = repository({
    "a.sh": 'echo "loss: 1.$SEED"\n',
    "program.md": program("metric: loss\ndirection: minimize\nchange: [a.sh]\nrun: sh a.sh\nbudget: 10s"),
  });
  let over = false;
  const others = (async () => {
    while (!over) {
      const slot = await takeSlot("exclusive");
      await sleep(900);
      slot?.release();
      await sleep(20);
    }
  })();
  const checked = await whet(quick, "check", "--json");
  over = true;
  await others;
  expect(JSON.parse(checked.stdout).evaluationMs).toBeLessThan(700);
  // It did wait between its runs: otherwise nothing was shown.
  const starts = (await baseline(quick)).map((run) => run.startedAt);
  expect((starts.at(-1) as number) - (starts[0] as number)).toBeGreaterThan(1800);
});
