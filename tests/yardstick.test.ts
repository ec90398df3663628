import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openLab, type SessionEvent } from "../src/index.ts";
import { knobs, log, status } from "./support/knobs.ts";
import { program, repository, start, whet, write } from "./support/lab.ts";

/** A scorer with data that the user may change meanwhile. */
const weighing = [
  'import { readFileSync } from "node:fs";',
  'import { join } from "node:path";',
  'const { a } = JSON.parse(readFileSync(join(process.env.CANDIDATE, "knobs.json"), "utf8"));',
  'const weight = Number(readFileSync("scale.txt", "utf8"));',
  "console.log(JSON.stringify({ metrics: { loss: weight * Math.abs(8 - a) } }));",
  "",
].join("\n");

describe("a session's yardstick", () => {
  /** A scale that the user may change while the session runs. */
  const scaled = () =>
    knobs("inputs: [scale.txt]", {
      ".gitignore": "scale.txt\n",
      "score.mjs": [
        'import { readFileSync } from "node:fs";',
        'import { join } from "node:path";',
        'const { a } = JSON.parse(readFileSync(join(process.env.CANDIDATE, "knobs.json"), "utf8"));',
        "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);",
        'console.log(JSON.stringify({ metrics: { loss: Number(readFileSync("scale.txt", "utf8")) + 0 * a } }));',
        "",
      ].join("\n"),
      "knobs.json": '{\n  "a": 1\n}\n',
    });

  it("that changes while an experiment runs makes it invalid, also after it has been put back", async () => {
    const lab = repository(scaled());
    writeFileSync(join(lab, "scale.txt"), "10");
    const running = start(lab, "run", "--experiments", "50", "--audit", "0", "--no-probe", "--seed", "1");
    while (!running.output().includes("#2 ")) await new Promise((r) => setTimeout(r, 10));
    writeFileSync(join(lab, "scale.txt"), "5");
    const stopped = await running.finished;
    expect(stopped.code).toBe(2);
    expect(stopped.stderr).toMatch(/what judges the session has changed on disk: .*scale.txt/);
    writeFileSync(join(lab, "scale.txt"), "10");
    const tried = (await status(lab)).tally.all;
    expect((await whet(lab, "run", "--experiments", String(tried + 1), "--audit", "0")).code).toBe(0);
    const now = await status(lab);
    expect(now.tally.keeps).toBe(0);
    expect((await log(lab)).some((row) => /what judges changed while/.test(row.reason))).toBe(true);
    expect((await whet(lab, "replay")).stdout).toMatch(/all agree/);
  });

  it("that changes before the baseline is interrupted leaves nothing to go on with", async () => {
    const lab = repository({ ...scaled(), "score.mjs": weighing });
    write(lab, { "scale.txt": "1\n" });
    const opened = await openLab(lab);
    const stop = new AbortController();
    const onEvent = (event: SessionEvent) => {
      if (event.type !== "evaluation") return;
      write(lab, { "scale.txt": "2\n" });
      stop.abort();
    };
    await expect(opened.check({ onEvent, signal: stop.signal })).rejects.toThrow(/while the baseline was/);
    write(lab, { "scale.txt": "1\n" });
    await expect(opened.check()).rejects.toThrow(/has changed since it began/);
    expect((await opened.check({ fresh: true })).baseline.values).toEqual([7, 7, 7, 7, 7]);
  });

  it("that changes before an interruption makes the experiment in flight invalid", async () => {
    const lab = repository({ ...scaled(), "score.mjs": weighing });
    write(lab, { "scale.txt": "1\n" });
    const opened = await openLab(lab);
    const stop = new AbortController();
    const run = { experiments: 6, seed: 1, probe: false, auditPairs: 0 };
    // A gain is looked at once more: that run never comes.
    const onEvent = (event: SessionEvent) => {
      if (event.type !== "evaluation" || event.purpose !== "screen" || !((event.value ?? 9) < 7)) return;
      write(lab, { "scale.txt": "0.5\n" });
      stop.abort();
    };
    const { final } = await opened.run({ ...run, onEvent, signal: stop.signal });
    expect(final).toBe(false);
    write(lab, { "scale.txt": "1\n" });
    await opened.run(run);
    const spoilt = (await log(lab)).filter((row) => /what judges changed while/.test(row.reason));
    expect(spoilt.map((row) => row.status)).toEqual(["invalid"]);
    expect((await whet(lab, "replay")).stdout).toMatch(/all agree/);
  });

  it("is not compared across isolation levels", async () => {
    const lab = repository(knobs(""));
    expect((await whet(lab, "run", "--experiments", "1", "--no-probe")).code).toBe(0);
    if (JSON.parse((await whet(lab, "status", "--json")).stdout).isolation.level === "L0") return;
    const other = await whet(lab, "run", "--experiments", "3", "--isolation", "L0");
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(/was measured at isolation L2, and this would be L0/);
  });

  it("cannot be weakened where isolation is required", async () => {
    const lab = repository(knobs("isolation: required"));
    const weak = await whet(lab, "run", "--experiments", "1", "--isolation", "L0");
    expect(weak.code).toBe(2);
    expect(weak.stderr).toMatch(/isolation is required by program.md/);
  });
});

describe("what a run can reach", () => {
  it("without isolation cannot be made the new yardstick by touching it twice", async () => {
    const lab = repository({
      ".gitignore": "data.json\n",
      "score.mjs":
        'import { readFileSync } from "node:fs";\nconsole.log(JSON.stringify({ metrics: { loss: JSON.parse(readFileSync("data.json", "utf8")).loss } }));\n',
      "train.mjs": "const RATE = 1;\n",
      "program.md": program(
        "metric: loss\ndirection: minimize\nchange: [train.mjs]\nrun: node train.mjs\nscore: node score.mjs\ninputs: [data.json]\nbudget: 10s",
      ),
    });
    writeFileSync(join(lab, "data.json"), '{"loss": 100}');
    const hostile = [
      'import { appendFileSync, writeFileSync } from "node:fs";',
      // As far as a run without isolation can go: the input itself, and the scorer, so that everything is laid anew.
      `if (process.env.SEED) { try { writeFileSync(${JSON.stringify(join(lab, "data.json"))}, '{"loss": 1}'); } catch {} }`,
      'try { appendFileSync("score.mjs", "// touched"); } catch {}',
      "const RATE = 1;",
      "",
    ].join("\n");
    const { openLab } = await import("../src/index.ts");
    const ran = await openLab(lab).then((opened) =>
      opened
        .run({
          experiments: 2,
          auditPairs: 0,
          probe: false,
          isolation: "L0",
          researcher: {
            name: "hostile",
            propose: async ({ files, history }) => ({
              kind: "proposal",
              proposal: {
                hypothesis: { what: `touch ${history.length}` },
                changes: { "train.mjs": history.length === 0 ? hostile : `${files["train.mjs"]}// more\n` },
              },
            }),
          },
        })
        .catch((error: Error) => error.message),
    );
    expect(ran).toMatch(
      /what judges has been changed by a run, or by whoever can write there: input data.json/,
    );
    expect((await status(lab)).tally.keeps).toBe(0);
  });

  it("is counted for the answering processes too", async () => {
    const lab = repository({
      "model.mjs": [
        "const SIZE = 1; // megabytes",
        'if (process.argv[2] === "--answer") {',
        "  const held = Buffer.alloc(SIZE * 2 ** 20, 1);",
        "  console.log(JSON.stringify({ ready: true }));",
        '  for await (const line of (await import("node:readline")).createInterface({ input: process.stdin }))',
        "    console.log(JSON.stringify({ id: JSON.parse(line).id, answer: held.length }));",
        "}",
        "",
      ].join("\n"),
      "score.mjs": [
        'import { createInterface } from "node:readline";',
        "console.log(JSON.stringify({ ask: 1 }));",
        "for await (const line of createInterface({ input: process.stdin })) {",
        "  console.log(JSON.stringify({ metrics: { loss: -JSON.parse(line).answer } }));",
        "  break;",
        "}",
        "process.exit(0);",
        "",
      ].join("\n"),
      "program.md": program(
        "metric: loss\ndirection: minimize\nchange: [model.mjs]\nrun: node model.mjs\nscore: { command: node score.mjs, answer: node model.mjs --answer }\nguards: [{ name: peak, clock: memory, max: 300MB }]\nbudget: 10s",
      ),
    });
    const { openLab } = await import("../src/index.ts");
    const opened = await openLab(lab);
    await opened.run({
      experiments: 1,
      auditPairs: 0,
      probe: false,
      researcher: {
        name: "greedy",
        propose: async ({ files }) => ({
          kind: "proposal",
          proposal: {
            hypothesis: { what: "more memory" },
            changes: { "model.mjs": (files["model.mjs"] as string).replace("SIZE = 1;", "SIZE = 400;") },
          },
        }),
      },
    });
    const [row] = await log(lab);
    expect(row?.status).toBe("discard");
    expect(row?.reason).toMatch(/guard peak/);
  });
});

describe("an audit while what judges changes", () => {
  it("ends the command, and none of its runs is ever gone on with", async () => {
    const lab = repository(
      knobs("inputs: [data.txt]", {
        ".gitignore": "data.txt\n",
        "score.mjs": weighing.replace("scale.txt", "data.txt"),
      }),
    );
    write(lab, { "data.txt": "1\n" });
    const opened = await openLab(lab);
    const spoil = (event: SessionEvent) => {
      if (event.type === "evaluation" && event.purpose === "audit") write(lab, { "data.txt": "2\n" });
    };
    const run = { experiments: 6, seed: 1, probe: false, auditPairs: 2 };
    await expect(opened.run({ ...run, onEvent: spoil })).rejects.toThrow(
      /has changed on disk: input data.txt/,
    );
    expect((await opened.notebook()).audit).toBeNull();
    write(lab, { "data.txt": "1\n" });
    await opened.run(run);
    const { audit } = await opened.notebook();
    expect(audit?.baselineMean).toBe(7);
    // Every pair gave the same: none is from before the data was put back.
    expect(audit?.interval).toEqual([audit?.effect, audit?.effect]);

    await expect(opened.finalize({ pairs: 2, onEvent: spoil })).rejects.toThrow(
      /has changed on disk: input data.txt/,
    );
    write(lab, { "data.txt": "1\n" });
    const { changes } = await opened.finalize({ pairs: 2 });
    expect(changes.length).toBeGreaterThan(1);
    for (const { contribution } of changes)
      if (contribution) expect(contribution.interval).toEqual([contribution.effect, contribution.effect]);
  });
});
