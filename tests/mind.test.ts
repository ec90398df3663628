import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { openLab } from "../src/index.ts";
import { readLab } from "../src/lab/lab.ts";
import { runSession } from "../src/loop/index.ts";
import { json, log, status } from "./support/knobs.ts";
import { repository, whet } from "./support/lab.ts";
import { query } from "./support/ledger.ts";
import { noteLab, proposal, scripted, write } from "./support/scripted.ts";

const text = (length: number) => `${"x".repeat(length)}\n`;
const quick = { auditPairs: 0, probe: false, isolation: "L0" as const };
const price = (dollars: number | null, tokens: number | null = 100) => ({
  ...{ input: tokens, output: tokens === null ? null : 0, dollars },
});

describe("a researcher that thinks", () => {
  it("is told the state of the research, and each turn is kept with its trace, its raw stream and its cost", async () => {
    const lab = repository(noteLab());
    const mind = scripted([write(text(300), "a shorter note"), write(text(350), "a bit longer")]);
    await (await openLab(lab)).run({ ...quick, experiments: 2, researcher: mind });
    const [first, second] = mind.asked as unknown as [{ words: string }, { words: string }];
    expect(first.words).toMatch(/Make the note shorter\./);
    expect(second.words).toMatch(/What worked.*\n.*#1 \(scripted\) a shorter note: \+100/);
    const traced = await json<{ prompt: string; events: { type: string }[]; dollars: number }[]>(
      lab,
      "trace",
      "2",
    );
    expect(traced).toHaveLength(1);
    expect(traced[0]?.prompt).toBe(second.words);
    expect(traced[0]?.events.map(({ type }) => type)).toEqual(["begin", "call", "result", "usage", "final"]);
    expect((await whet(lab, "trace", "2")).stdout).toMatch(/100 tokens in, 10 out, \$0\.01[\s\S]*call +edit/);
    expect((await whet(lab, "trace", "1", "--raw")).stdout).toMatch(/"raw":"\d+"/);
    expect((await whet(lab, "show", "1")).stdout).toMatch(/1 turn, 100 tokens in, 10 out, \$0\.01/);
    const { arms } = await status(lab);
    expect(arms).toMatchObject([
      { researcher: "scripted", cost: { turns: 2, tokensIn: 200, dollars: 0.02 } },
    ]);
    expect((await whet(lab, "status")).stdout).toMatch(
      /2 turns,\s+200 tokens in, 20 out, \$0\.02, expected gain/,
    );
  });

  it("is told when it comes with what was tried already, and after three times it is a failed turn", async () => {
    const lab = repository(noteLab());
    const again = write(text(300), "the same once more");
    const mind = scripted([
      write(text(300), "first"),
      again,
      write(text(290), "another"),
      again,
      again,
      again,
    ]);
    await (await openLab(lab)).run({ ...quick, researcher: mind });
    expect(mind.asked[2]?.words).toMatch(/the same once more: the same content as #1, a keep/);
    expect(mind.asked[2]?.task.refused.size).toBe(1);
    expect((await log(lab)).map(({ what }) => what)).toEqual(["first", "another"]);
    // The refused turn belongs to the experiment that came of it in the end; three in vain belong to none.
    expect(query(lab, "select count(*) from turns where experiment_id = 2")).toBe(2);
    expect(query(lab, "select tokens_in from costs where experiment_id = 2 and kind = 'propose'")).toBe(200);
    expect(query(lab, "select count(*) from turns where experiment_id is null")).toBe(4);
    expect((await whet(lab, "trace", "--failed")).stdout).toMatch(/Turn \d+ {2}scripted/);
  });

  it("gets one turn to repair a crash, with the end of the log, and no second one", async () => {
    const lab = repository(noteLab());
    const mind = scripted([
      write("CRASH\n", "a bold idea"),
      ({ words, task }) => {
        expect(task.repair).toMatchObject({
          number: 1,
          kind: "crash",
          logTail: expect.stringMatching(/boom/),
        });
        return proposal({ hypothesis: { what: "mended" }, changes: { "note.txt": "CRASH again\n" } }, words);
      },
      write(text(100), "something else"),
    ]);
    await (await openLab(lab)).run({ ...quick, experiments: 3, researcher: mind });
    expect((await log(lab)).map(({ status: kind, what }) => [kind, what])).toEqual([
      ["crash", "a bold idea"],
      ["crash", "repair of #1: mended"],
      ["keep", "something else"],
    ]);
    expect(mind.asked[1]?.words).toMatch(/Repair experiment #1[\s\S]*boom: the text is bad/);
    expect(mind.asked[2]?.task.repair).toBeUndefined();
  });

  it("whose change of other files comes with its proposal has an invalid experiment", async () => {
    const lab = repository(noteLab());
    const violations = [{ path: "program.md", kind: "forbidden" as const, detail: "it may not change" }];
    const mind = scripted([
      ({ words }) => ({
        ...(proposal({ hypothesis: { what: "cheat" }, changes: { "note.txt": "y\n" } }, words) as object),
        ...{ kind: "proposal", violations },
        proposal: { hypothesis: { what: "cheat" }, changes: { "note.txt": "y\n" } },
      }),
    ]);
    await (await openLab(lab)).run({ ...quick, experiments: 1, researcher: mind });
    expect((await log(lab))[0]).toMatchObject({
      status: "invalid",
      reason: /program\.md \(it may not change\)/,
    });
  });

  it("that fails five times in a row ends the session with its reason; the turns are on record", async () => {
    const lab = repository(noteLab());
    const fail = () => ({ kind: "failed" as const, ending: "malformed" as const, reason: "no answer in it" });
    const mind = scripted([
      fail,
      write(text(300), "works"),
      fail,
      fail,
      fail,
      fail,
      fail,
      write("z\n", "late"),
    ]);
    const run = (await openLab(lab)).run({ ...quick, researcher: mind });
    await expect(run).rejects.toThrow(/scripted failed 5 times in a row; the last time: no answer in it/);
    expect(mind.asked).toHaveLength(7);
    expect(
      query(lab, "select count(*) from turns where experiment_id is null and ending = 'malformed'"),
    ).toBe(6);
  });

  it("that hangs is cut off, and that throws is a failed turn", async () => {
    const lab = repository(noteLab());
    const mind = scripted(
      [
        ({ task }) =>
          new Promise((resolve) => {
            task.signal?.addEventListener("abort", () =>
              resolve({ kind: "failed", ending: "timeout", reason: "cut off" }),
            );
          }),
        () => {
          throw new Error("it broke");
        },
        write(text(300), "works"),
      ],
      { time: 100 },
    );
    await (await openLab(lab)).run({ ...quick, experiments: 1, researcher: mind });
    expect((await log(lab)).map(({ what }) => what)).toEqual(["works"]);
    expect(
      query(
        lab,
        "select group_concat(ending || ': ' || message, ', ') from turns where experiment_id is null",
      ),
    ).toBe("timeout: cut off, failed: it broke");
  });

  it("stops for good when going on is no use", async () => {
    const lab = repository(noteLab());
    const mind = scripted([() => ({ kind: "stop", reason: "the key is refused" })]);
    await expect((await openLab(lab)).run({ ...quick, researcher: mind })).rejects.toThrow(
      /the key is refused/,
    );
  });
});

describe("limits", () => {
  it("money: the next call is not made when it could pass the limit", async () => {
    const lab = repository(noteLab());
    const steps = [300, 290, 280, 270, 260].map((length, index) =>
      write(text(length), `try ${index}`, price([0.1, 0.3, 0.2, 0.1, 0.1][index] as number)),
    );
    const mind = scripted(steps);
    const { reason } = await (await openLab(lab)).run({ ...quick, money: 0.8, researcher: mind });
    // 0.6 are spent, and the dearest turn took 0.3.
    expect(mind.asked).toHaveLength(3);
    expect(reason).toBe("the limit of $0.80 is reached: $0.60 are spent, and the next call may take $0.30");
    expect(mind.asked[2]?.task.dollars).toBeCloseTo(0.4, 9);
    // A higher limit goes on, and no paid turn is repeated.
    await (await openLab(lab)).run({ ...quick, money: 0.95, researcher: scripted(steps.slice(3)) });
    expect((await log(lab)).map(({ what }) => what)).toEqual(["try 0", "try 1", "try 2", "try 3"]);
  });

  it("tokens: a turn that does not say what it took is counted like the largest", async () => {
    const lab = repository(noteLab("briefing: { tokens: 1000 }"));
    const mind = scripted([
      write(text(300), "a", price(null, 2000)),
      write(text(290), "b", price(null, null)),
      write(text(280), "c", price(null, 2000)),
    ]);
    const { reason } = await (await openLab(lab)).run({ ...quick, tokens: 5000, researcher: mind });
    expect(mind.asked).toHaveLength(2);
    expect(reason).toBe(
      "the limit of 5000 tokens is reached: 4000 are spent, and the next call may take 2000",
    );
    expect((await status(lab)).arms[0]).toMatchObject({ cost: { unknownTokens: 1, dollars: null } });
  });

  it("money: refused at the start where it could not be kept, and at the first turn that does not say its price", async () => {
    const lab = repository(noteLab());
    const opened = await openLab(lab);
    const silent = scripted([], { reports: { tokens: true, dollars: false } });
    await expect(opened.run({ ...quick, money: 1, researcher: silent })).rejects.toThrow(
      /a limit on money cannot be kept with scripted/,
    );
    const mute = scripted([write(text(300), "a", price(null)), write(text(290), "b", price(null))]);
    await expect(opened.run({ ...quick, money: 1, researcher: mute })).rejects.toThrow(
      /does not say what a turn costs/,
    );
    expect(mute.asked).toHaveLength(1);
    expect(await log(lab)).toHaveLength(1);
  });

  it("--money, --tokens and --researcher say what is wrong with them", async () => {
    const lab = repository(noteLab());
    expect((await whet(lab, "run", "--money", "-1")).stderr).toMatch(/buys nothing/);
    expect((await whet(lab, "run", "--tokens", "x")).stderr).toMatch(/whole number/);
    expect((await whet(lab, "run", "--researcher", "nobody")).stderr).toMatch(/nobody that is known/);
  });
});

describe("a provider that refuses", () => {
  it("is waited for as long as it asks, and then the session goes on", async () => {
    const lab = repository(noteLab());
    const times: number[] = [];
    const wait = (afterMs: number | null) => () => {
      times.push(performance.now());
      return { kind: "wait" as const, reason: "429", afterMs };
    };
    const mind = scripted([wait(300), wait(100), write(text(300), "at last")]);
    const events: string[] = [];
    await runSession(await readLab(lab), {
      ...{ auditPairs: 0, probe: false, level: "L0", experiments: 1, researcher: mind },
      backoff: { first: 50, most: 200 },
      listener: (event) => event.type === "waiting" && events.push(event.message),
    });
    expect((times[1] as number) - (times[0] as number)).toBeGreaterThan(290);
    expect(events).toHaveLength(2);
    expect(events[0]).toMatch(/scripted can be asked again in 1 s: 429/);
    expect((await log(lab)).map(({ what }) => what)).toEqual(["at last"]);
    expect(query(lab, "select count(*) from turns where ending = 'rate'")).toBe(2);
  });

  it("is waited for no longer than the time limit", async () => {
    const lab = repository(noteLab());
    const mind = scripted([() => ({ kind: "wait", reason: "down", afterMs: 3_600_000 })]);
    const { reason } = await (await openLab(lab)).run({ ...quick, time: 1500, researcher: mind });
    expect(reason).toMatch(/time limit is reached/);
  });
});

describe("words from another terminal", () => {
  it("pause and resume hold and free the next proposal, and steer reaches the next briefing", async () => {
    const lab = repository(noteLab());
    let asked = 0;
    const mind = scripted(
      Array.from({ length: 4 }, (_, index) => async (given: Parameters<ReturnType<typeof write>>[0]) => {
        asked++;
        if (index === 0) {
          expect((await whet(lab, "pause")).stdout).toMatch(/is paused: the experiment in flight/);
          expect((await whet(lab, "steer", "only remove the x from the end")).code).toBe(0);
        }
        return write(text(300 - index), `try ${index}`)(given);
      }),
    );
    const running = (await openLab(lab)).run({ ...quick, experiments: 2, researcher: mind });
    while (asked < 1) await sleep(20);
    await sleep(3000);
    expect(asked).toBe(1);
    expect((await whet(lab, "resume")).stdout).toMatch(/no longer paused/);
    await running;
    expect(asked).toBe(2);
    expect(mind.asked[0]?.words).not.toMatch(/only remove the x/);
    expect(mind.asked[1]?.words).toMatch(/Words from the person[\s\S]*only remove the x from the end/);
  });
});

describe("several researchers", () => {
  it("work on one lab, each with its role, and the report says what each brought for what it cost", async () => {
    const lab = repository(noteLab());
    let length = 390;
    const good = scripted(
      Array.from({ length: 40 }, (_, index) => (given) => write(text(--length), `shorter ${index}`)(given)),
      { name: "good" },
    );
    let longer = 500;
    const bad = scripted(
      Array.from(
        { length: 40 },
        (_, index) => (given) => write(text(++longer), `longer ${index}`, price(0.5))(given),
      ),
      { name: "bad" },
    );
    await (await openLab(lab)).run({
      ...{ ...quick, experiments: 24 },
      researcher: [
        { researcher: good, share: 1, role: "You are the optimizer." },
        { researcher: bad, share: 1, role: "You are the architect." },
      ],
    });
    expect(good.asked[0]?.words).toMatch(/## Your part\n\nYou are the optimizer\./);
    expect(bad.asked[0]?.words).toMatch(/You are the architect\./);
    expect(good.asked.length).toBeGreaterThan(bad.asked.length);
    expect(bad.asked.length).toBeGreaterThanOrEqual(3);
    const { arms } = await json<{ arms: { researcher: string; cost: { gainPerDollar: number } }[] }>(
      lab,
      "status",
    );
    expect(arms.map(({ researcher }) => researcher)).toEqual(["bad", "good"]);
    expect(arms[1]?.cost.gainPerDollar).toBeGreaterThan(arms[0]?.cost.gainPerDollar as number);
  });
});

it("a paid turn is not repeated when the session goes on after its proposal was recorded", async () => {
  const lab = repository(noteLab());
  const opened = await openLab(lab);
  const stopping = new AbortController();
  const first = scripted([write(text(300), "paid for")]);
  await opened.run({
    ...{ ...quick, experiments: 1, researcher: first, signal: stopping.signal },
    onEvent: (event) => event.type === "run" && event.purpose === "screen" && stopping.abort(),
  });
  expect(query(lab, "select count(*) from experiments")).toBe(1);
  expect(query(lab, "select count(*) from decisions")).toBe(0);
  const second = scripted([]);
  await opened.run({ ...quick, experiments: 1, researcher: second });
  expect(second.asked).toHaveLength(0);
  expect(await log(lab)).toMatchObject([{ what: "paid for", status: "keep" }]);
});
