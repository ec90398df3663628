import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { channelOf } from "../contract/channel.ts";
import { type Contract, parseProgram } from "../contract/index.ts";
import { type Probed, trust } from "../notebook/trust.ts";
import type { Ending, Isolation, Level, Outcome, Running } from "../sandbox/index.ts";
import { brokenGuard, holdoutPairs, passesHoldout } from "../strategy/guards.ts";
import { canaries } from "./index.ts";
import { relay } from "./pipe.ts";

function contract(lines: string): Contract {
  const parsed = parseProgram(`---\ngoal: g\nchange: [a.js]\nrun: node a.js\n${lines}\n---\n`);
  if (!parsed.program) throw new Error(JSON.stringify(parsed.problems));
  return parsed.program.contract;
}

describe("guards", () => {
  const guarded = (guard: string) => contract(`metric: { name: m, direction: minimize }\nguards: [${guard}]`);
  const of = (...values: number[]) => values.map((g) => ({ m: 1, g }));

  it("accept what is no worse than the incumbent, in either direction", () => {
    expect(brokenGuard(guarded("{ name: g, direction: minimize }"), of(1), of(1))).toBeNull();
    expect(brokenGuard(guarded("{ name: g, direction: minimize }"), of(0.5), of(1))).toBeNull();
    expect(brokenGuard(guarded("{ name: g, direction: maximize }"), of(2), of(1))).toBeNull();
  });

  it("break when it got worse by more than the tolerance", () => {
    const tolerant = guarded('{ name: g, direction: minimize, tolerance: "10%" }');
    expect(brokenGuard(tolerant, of(109), of(100))).toBeNull();
    expect(brokenGuard(tolerant, of(111), of(100))).toMatch(
      /^guard g: 111 is worse than the incumbent's 100/,
    );
    expect(brokenGuard(guarded("{ name: g, direction: maximize }"), of(0.9), of(1))).toMatch(
      /^guard g: 0.9 is worse/,
    );
  });

  it("let noise pass: two standard errors of the difference", () => {
    const guard = guarded("{ name: g, direction: minimize }");
    expect(brokenGuard(guard, of(1, 3), of(0, 2))).toBeNull();
    expect(brokenGuard(guard, of(5, 5.1), of(1, 1.1))).toMatch(/worse/);
  });

  it("hold hard bounds for the mean, and then race nobody", () => {
    const bounded = guarded("{ name: g, direction: minimize, max: 10 }");
    expect(brokenGuard(bounded, of(9, 11), of(1))).toBeNull();
    expect(brokenGuard(bounded, of(10, 11), of(1))).toBe("guard g: 10.5 is above the bound 10");
    const floor = guarded("{ name: g, direction: maximize, min: 3 }");
    expect(brokenGuard(floor, of(2), of(9))).toBe("guard g: 2 is below the bound 3");
  });

  it("break when the candidate does not report them", () => {
    expect(brokenGuard(guarded("{ name: g, direction: minimize }"), [{ m: 1 }], of(1))).toMatch(
      /did not report/,
    );
  });

  it("name the first that is broken", () => {
    const two = guarded("{ name: g, direction: minimize }, { name: h, direction: minimize, max: 1 }");
    expect(brokenGuard(two, [{ g: 1, h: 5 }], [{ g: 1, h: 5 }])).toMatch(/^guard h/);
  });
});

describe("the cheats of the probe", () => {
  it("print a better value than the start's, whatever that is", () => {
    for (const [direction, value, printed] of [
      ["minimize", 4, "m: 2"],
      ["minimize", 0, "m: -1"],
      ["minimize", -4, "m: -6"],
      ["maximize", 0, "m: 2"],
    ] as const) {
      const made = canaries(
        contract(`metric: { name: m, direction: ${direction} }`),
        { "a.js": "x()\n" },
        {
          metric: "m",
          direction,
          value,
        },
      );
      const forged = made.canaries.find(({ name }) => name === "forged output");
      expect(forged?.files["a.js"]).toContain(`${printed}\\n`);
    }
  });
});

describe("the holdout's one bit", () => {
  it("passes gains and what is within noise, fails clear losses and silence", () => {
    expect(holdoutPairs).toBe(3);
    expect(passesHoldout([1, 1, 1])).toBe(true);
    expect(passesHoldout([0, 0, 0])).toBe(true);
    expect(passesHoldout([-1, 1, -0.5])).toBe(true);
    expect(passesHoldout([-1, -1.1, -0.9])).toBe(false);
    expect(passesHoldout([-1e-9, -1e-9, -1e-9])).toBe(false);
    expect(passesHoldout([])).toBe(false);
  });

  it("does not depend on the unit, and never fails three differences that are no losses", () => {
    const differences = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(differences, (all) => {
        expect(passesHoldout(all.map((each) => each * 1024))).toBe(passesHoldout(all));
        expect(passesHoldout(all.map(Math.abs))).toBe(true);
      }),
    );
  });
});

describe("the trust grade", () => {
  const isolation = (level: Level): Isolation => ({
    ...{ level, enforced: [], watched: [], notEnforced: [], evidence: [] },
  });
  const metric = "metric: { name: m, direction: minimize }";
  const scored = `${metric}\nscore: { command: node s.js, private: [s.js] }`;
  const holdout = "holdout: { score: node s.js --holdout }";
  const clocked = "metric: { name: seconds, clock: wall }";
  const passed: Probed[] = [
    { canary: "unchanged", outcome: "equal" },
    { canary: "null", outcome: "equal" },
    { canary: "forged output", outcome: "refused" },
  ];
  const grade = (lines: string, level: Level, probed: Probed[] = passed, repeats = false) => {
    const read = contract(lines);
    return trust(read, channelOf(read), isolation(level), probed, repeats);
  };

  it("is A only for an evaluator that has been probed, and D for one on which a cheat wins", () => {
    const best = `${scored}\n${holdout}`;
    expect(grade(best, "L2")).toEqual({ letter: "A", reasons: [] });
    expect(grade(best, "L2", []).letter).toBe("B");
    expect(grade(best, "L2", passed, true)).toMatchObject({
      letter: "B",
      reasons: [expect.stringMatching(/the holdout repeats the data that decides/)],
    });
    expect(grade(best, "L2", [...passed, { canary: "early exit", outcome: "better" }])).toMatchObject({
      letter: "D",
      reasons: [expect.stringMatching(/a cheat wins on this evaluator: early exit/)],
    });
    expect(grade(best, "L2", [...passed, { canary: "unchanged again", outcome: "worse" }]).letter).toBe("C");
    expect(grade(best, "L2", passed.slice(0, 2)).letter).toBe("B");
  });

  it.each<[string, string, Level, string]>([
    ["a scorer, a holdout and bubblewrap", `${scored}\n${holdout}`, "L2", "A"],
    ["a scorer without a holdout", scored, "L2", "B"],
    ["a scorer without isolation", `${scored}\n${holdout}`, "L0", "C"],
    ["a candidate with the network", `${scored}\n${holdout}\nbudget: { time: 1s, network: true }`, "L2", "C"],
    ["a metric that the candidate prints", metric, "L2", "C"],
    ["a metric that the candidate prints, without isolation", metric, "L0", "D"],
    ["a clock with checks", `${clocked}\nchecks: [node v.js]`, "L2", "B"],
    ["a clock without checks", clocked, "L2", "C"],
  ])("of %s", (_, lines, level, letter) => {
    expect(grade(lines, level).letter).toBe(letter);
  });

  it("names every reason with the grade that it allows, and what would raise it", () => {
    const { reasons } = grade(metric, "L0");
    expect(reasons.some((reason) => /^C at best: .*add a `score` command/.test(reason))).toBe(true);
    expect(reasons.some((reason) => /^D at best: no isolation/.test(reason))).toBe(true);
    expect(reasons.some((reason) => /no holdout/.test(reason))).toBe(true);
    expect(
      grade(`${scored}\n${holdout}`, "L2").reasons.every((reason) => /^[ABCD] at best: ./.test(reason)),
    ).toBe(true);
  });

  it("is the worst of its reasons", () => {
    for (const lines of [metric, scored, clocked, `${scored}\n${holdout}`])
      for (const level of ["L0", "L2", "macos"] as const) {
        const { letter, reasons } = grade(lines, level);
        expect(letter).toBe(
          reasons
            .map((reason) => reason[0] as string)
            .sort()
            .at(-1) ?? "A",
        );
      }
  });
});

/** One end of a conversation, played by a function instead of a process. */
interface Part {
  say: (frame: unknown) => void;
  end: (ending?: Ending, stderr?: string) => void;
}
type Role = (part: Part) => (line: string) => void;

function play(role: Role, onLine: (line: string) => void): Running {
  let settle: (outcome: Outcome) => void = () => {};
  let over = false;
  const done = new Promise<Outcome>((resolve) => {
    settle = resolve;
  });
  const finish = (ending: Ending, stderr = "") => {
    if (over) return;
    over = true;
    settle({
      ...{ ending, exitCode: ending === "ok" ? 0 : 1, signal: null, wallMs: 1, cpuMs: 1, peakBytes: 1 },
      ...{ machine: null, gpuPeakBytes: null },
      ...{ stdout: "", stderr, stdoutCut: false, message: ending === "ok" ? "" : `ended: ${ending}` },
    });
  };
  let listen: (line: string) => void = () => {};
  setImmediate(() => {
    listen = role({
      say: (frame) =>
        setImmediate(() => {
          if (!over) onLine(typeof frame === "string" ? frame : JSON.stringify(frame));
        }),
      end: (ending = "ok", stderr) => setImmediate(() => finish(ending, stderr)),
    });
  });
  return {
    hold: async () => null,
    write: (line) => setImmediate(() => listen(line)),
    closeStdin: () => setImmediate(() => finish("ok")),
    kill: () => finish("signal"),
    done,
  };
}

/** Asks `questions` one after the other, then reports their count and the sum of the answers. */
const adding =
  (questions: number, to: (index: number) => number | undefined = () => undefined): Role =>
  ({ say, end }) => {
    let sum = 0;
    let asked = 0;
    const next = () => {
      const copy = to(asked);
      say({ ask: asked++, ...(copy === undefined ? {} : { to: copy }) });
    };
    next();
    return (line) => {
      sum += (JSON.parse(line) as { answer: number }).answer;
      if (asked < questions) return next();
      say({ metrics: { sum, asked } });
      end();
    };
  };

const doubling: Role = ({ say }) => {
  say({ ready: true });
  return (line) => {
    const { id, ask } = JSON.parse(line) as { id: string; ask: number };
    say({ id, answer: 2 * ask });
  };
};

/** With two copies when there are two candidates. */
function converse(scorer: Role, candidate: Role, second?: Role) {
  return relay({
    copies: second ? 2 : 1,
    frameLimit: 2 ** 20,
    redact: (text) => text,
    startScorer: (onLine) => play(scorer, onLine),
    startAnswerer: (copy, onLine) => play(copy === 1 && second ? second : candidate, onLine),
  });
}

describe("the conversation over a pipe", () => {
  it("carries questions and answers and ends with the scorer's metrics", async () => {
    const result = await converse(adding(4), doubling);
    expect(result).toMatchObject({ failure: null, metrics: { sum: 12, asked: 4 }, scorer: { ending: "ok" } });
    expect(result.answerers).toHaveLength(1);
  });

  it("tells the scorer who answered and how long it took, and the candidate nothing but a nonce and the question", async () => {
    const toScorer: Record<string, unknown>[] = [];
    const toCandidate: Record<string, unknown>[] = [];
    const { failure } = await converse(
      (part) => {
        const listen = adding(3)(part);
        return (line) => {
          toScorer.push(JSON.parse(line));
          listen(line);
        };
      },
      (part) => {
        const listen = doubling(part);
        return (line) => {
          toCandidate.push(JSON.parse(line));
          listen(line);
        };
      },
    );
    expect(failure).toBeNull();
    expect(toScorer).toEqual([0, 2, 4].map((answer) => ({ from: 0, answer, ms: expect.any(Number) })));
    expect(toCandidate).toEqual(
      [0, 1, 2].map((ask) => ({ id: expect.stringMatching(/^[0-9a-f]{24}$/), ask })),
    );
    expect(new Set(toCandidate.map(({ id }) => id)).size).toBe(3);
  });

  it("asks each of two copies its own questions", async () => {
    const asked: number[][] = [[], []];
    const noting =
      (copy: number): Role =>
      (part) => {
        const listen = doubling(part);
        return (line) => {
          asked[copy]?.push((JSON.parse(line) as { ask: number }).ask);
          listen(line);
        };
      };
    const result = await converse(
      adding(6, (index) => index % 2),
      noting(0),
      noting(1),
    );
    expect(result).toMatchObject({ failure: null, metrics: { sum: 30 } });
    expect(result.answerers).toHaveLength(2);
    expect(asked).toEqual([
      [0, 2, 4],
      [1, 3, 5],
    ]);
  });

  it("holds back a second question until the first is answered", async () => {
    let open = 0;
    const { failure, metrics } = await converse(
      ({ say, end }) => {
        for (const ask of [1, 2, 3]) say({ ask });
        const answers: number[] = [];
        return (line) => {
          answers.push((JSON.parse(line) as { answer: number }).answer);
          if (answers.length === 3) {
            say({ metrics: { last: answers.join("") } });
            end();
          }
        };
      },
      ({ say }) => {
        say({ ready: true });
        return (line) => {
          expect(++open).toBe(1);
          const { id, ask } = JSON.parse(line) as { id: string; ask: number };
          setTimeout(() => {
            open--;
            say({ id, answer: ask });
          }, 2);
        };
      },
    );
    expect(failure).toBeNull();
    expect(metrics).toEqual({ last: "123" });
  });

  const cheats: [string, Role, RegExp][] = [
    [
      "answers with another nonce",
      ({ say }) => {
        say({ ready: true });
        return () => say({ id: "0".repeat(24), answer: 1 });
      },
      /answers no open question/,
    ],
    [
      "sends a frame too many",
      (part) => {
        const listen = doubling(part);
        return (line) => {
          listen(line);
          listen(line);
        };
      },
      /answers no open question/,
    ],
    [
      "adds a field to its answer",
      ({ say }) => {
        say({ ready: true });
        return (line) => say({ ...JSON.parse(line), ask: undefined, answer: 1, metrics: { sum: 99 } });
      },
      /answers no open question/,
    ],
    [
      "begins with an answer that it prepared",
      ({ say }) => {
        say({ id: "1", answer: 1 });
        return () => {};
      },
      /first line must be \{"ready":true\}/,
    ],
    [
      "prints a metric of its own",
      ({ say }) => {
        say({ ready: true });
        say({ metrics: { sum: 99 } });
        return () => {};
      },
      /answers no open question/,
    ],
    [
      "prints what is no JSON",
      ({ say }) => {
        say({ ready: true });
        say("hello");
        return () => {};
      },
      /no JSON object: hello/,
    ],
    [
      "sends a line over the limit",
      ({ say }) => {
        say({ ready: true });
        return (line) => say({ id: (JSON.parse(line) as { id: string }).id, answer: "x".repeat(2 ** 20) });
      },
      /no JSON object/,
    ],
    [
      "answers with what is nested too deeply to be written again",
      ({ say }) => {
        say({ ready: true });
        return (line) =>
          say(
            `{"id":"${(JSON.parse(line) as { id: string }).id}","answer":${"[".repeat(400_000)}${"]".repeat(400_000)}}`,
          );
      },
      /nested too deeply/,
    ],
    [
      "leaves early, with success",
      ({ say, end }) => {
        say({ ready: true });
        end();
        return () => {};
      },
      /the candidate ended before the scorer was done/,
    ],
  ];
  it.each(cheats)("is over for a candidate that %s", async (_, candidate, message) => {
    const result = await converse(adding(3), candidate);
    expect(result.metrics).toBeNull();
    expect(result.failure).toMatchObject({ kind: "protocol", message: expect.stringMatching(message) });
  });

  it("does not show a question to a candidate that is not ready", async () => {
    const heard: string[] = [];
    const result = await converse(adding(1), ({ end }) => {
      setTimeout(() => end("timeout"), 20);
      return (line) => heard.push(line);
    });
    expect(heard).toEqual([]);
    expect(result.failure).toEqual({ kind: "timeout", message: "ended: timeout" });
  });

  it.each<[Ending, string]>([
    ["exit", "crash"],
    ["signal", "crash"],
    ["start", "crash"],
    ["memory", "memory"],
    ["processes", "processes"],
    ["cpus", "cpus"],
    ["output", "output"],
    ["cancelled", "cancelled"],
  ])("names the failure of a candidate that ends by %s: %s", async (ending, kind) => {
    const result = await converse(adding(3), ({ say, end }) => {
      say({ ready: true });
      return () => end(ending);
    });
    expect(result).toMatchObject({ metrics: null, failure: { kind } });
  });

  it("ends for all copies when one of them cheats", async () => {
    const cheating: Role = ({ say }) => {
      say({ ready: true });
      return () => say({ id: "x", answer: 0 });
    };
    const result = await converse(
      adding(50, (index) => index % 2),
      doubling,
      cheating,
    );
    expect(result).toMatchObject({
      metrics: null,
      failure: { kind: "protocol" },
      scorer: { ending: "signal" },
    });
    expect(result.answerers.map(({ ending }) => ending)).toEqual(["signal", "signal"]);
  });

  const brokenScorers: [string, Role, string, RegExp][] = [
    [
      "prints its metrics twice",
      ({ say, end }) => {
        say({ metrics: { sum: 1 } });
        say({ metrics: { sum: 2 } });
        end();
        return () => {};
      },
      "scorer",
      /more after its metrics/,
    ],
    [
      "crashes",
      ({ say, end }) => {
        say({ ask: 1 });
        return () =>
          end(
            "exit",
            "node:fs:440\n\nError: no such file: data.json\n    at open (node:fs:440)\n\nNode.js v24.1.0\n",
          );
      },
      "scorer",
      /the scorer failed: Error: no such file: data.json$/,
    ],
    [
      "crashes after its metrics",
      ({ say, end }) => {
        say({ metrics: { sum: 1 } });
        end("exit", "late");
        return () => {};
      },
      "scorer",
      /the scorer failed: late/,
    ],
    [
      "ends without metrics",
      ({ end }) => {
        end();
        return () => {};
      },
      "no-metric",
      /without its metrics line/,
    ],
    [
      "asks a copy that is not there",
      ({ say }) => {
        say({ ask: 1, to: 1 });
        return () => {};
      },
      "scorer",
      /asked copy 1; there are 1/,
    ],
    [
      "prints something else",
      ({ say }) => {
        say("loading ...");
        return () => {};
      },
      "scorer",
      /no JSON object: loading/,
    ],
    [
      "prints neither a question nor metrics",
      ({ say }) => {
        say({ question: 1 });
        return () => {};
      },
      "scorer",
      /neither "ask" nor "metrics"/,
    ],
  ];
  it.each(brokenScorers)("blames a scorer that %s, not the candidate", async (_, scorer, kind, message) => {
    const result = await converse(scorer, doubling);
    expect(result.metrics).toBeNull();
    expect(result.failure).toMatchObject({ kind, message: expect.stringMatching(message) });
  });

  it("passes any JSON through unchanged, both ways", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 2 }), async (value) => {
        const { metrics } = await converse(
          ({ say, end }) => {
            say({ ask: value });
            return (line) => {
              say({ metrics: { back: (JSON.parse(line) as { answer: unknown }).answer } });
              end();
            };
          },
          ({ say }) => {
            say({ ready: true });
            return (line) => {
              const { id, ask } = JSON.parse(line) as { id: string; ask: unknown };
              say({ id, answer: ask });
            };
          },
        );
        expect(JSON.stringify(metrics)).toBe(JSON.stringify({ back: value }));
      }),
      { numRuns: 50 },
    );
  });
});
