import { describe, expect, it } from "vitest";
import { type Contract, parseProgram } from "../contract/index.ts";
import { grantsOf } from "./grants.ts";

const plain = parseProgram("---\ngoal: g\nmetric: m\ndirection: minimize\nchange: [a]\nrun: a\n---\n").program
  ?.contract as Contract;

/** `grant: opens`, a line each. */
function said(more: Partial<Contract>): string[] {
  return grantsOf({ ...plain, ...more }).map(({ grant, opens }) => `${grant}: ${opens}`);
}

describe("what a contract grants, in words", () => {
  it("is nothing for the shortest contract, and for inputs of the lab itself", () => {
    expect(said({ inputs: ["data", "!data/tmp", "node_modules"] })).toEqual([]);
  });

  it("names inputs from outside the lab, and no others", () => {
    expect(said({ inputs: ["data", "~/.cache/x", "/srv/y"] })).toEqual([
      "inputs: ~/.cache/x, /srv/y: files outside the lab, read-only, pinned by their content",
    ]);
  });

  it("tells variables that are taken from those that are written, and never a secret's value", () => {
    const lines = said({
      env: [
        { name: "LANG", value: null },
        { name: "DEPTH", value: "3" },
      ],
      envFile: ".env",
      secrets: [
        { name: "JUDGE_KEY", to: "score" },
        { name: "RUN_KEY", to: "run" },
      ],
    });
    expect(lines).toEqual([
      expect.stringMatching(/^env: LANG: .*pinned$/),
      "env: DEPTH=3: values that the contract says",
      expect.stringMatching(/^envFile: \.env: /),
      "secrets: JUDGE_KEY for the scorer: values that nothing records",
      expect.stringMatching(/^secrets: RUN_KEY for the run: every candidate can read these values/),
    ]);
  });

  it("says of a model who asks it, who holds the key, and every limit", () => {
    expect(
      said({
        models: [
          {
            ...{ model: "anthropic/x", to: "score", temperature: 0, calls: 40, money: 0.5, cache: true },
            session: { tokens: 1000 },
          },
          { model: "local/y", to: "run", url: "http://127.0.0.1:11434/v1", session: {}, cache: false },
        ],
      }),
    ).toEqual([
      "model: anthropic/x for the scorer: key held by Whetstone, temperature 0, 40 calls and $0.5 for one evaluation at most, 1000 tokens for the session at most, cached: both arms of a pair get the same answers",
      "model: local/y at http://127.0.0.1:11434/v1 for the run: key held by Whetstone, no limit of calls, tokens or money, whatever a candidate asks reaches the provider",
    ]);
  });

  it("tells the whole network from a list of hosts, for each that gets it", () => {
    const network = ["example.org:443"];
    expect(
      said({
        budget: { ...plain.budget, network },
        stages: [{ name: "small", run: "a", decides: false, budget: { network: true } }],
        setup: { command: "s", time: 1, network: true },
        checks: [{ command: "c", time: 1, network }],
      }),
    ).toEqual([
      expect.stringMatching(/^network: example\.org:443 for the run: these hosts alone/),
      expect.stringMatching(/^network for rung small: every host/),
      expect.stringMatching(/^network for the setup: every host/),
      expect.stringMatching(/^network: example\.org:443 for the check `c`: these hosts alone/),
    ]);
  });

  it("names GPUs, caches, an overlay and an image", () => {
    expect(
      said({
        budget: { ...plain.budget, gpus: { count: 2, kind: "nvidia" } },
        caches: [
          { env: "TRITON_CACHE_DIR", shared: false },
          { env: "CCACHE_DIR", shared: true },
        ],
        tree: "overlay",
        image: "python:3.13",
      }).map((line) => line.split(": ").slice(0, 2).join(": ")),
    ).toEqual([
      "gpus: 2 (nvidia)",
      "cache: TRITON_CACHE_DIR",
      "cache: CCACHE_DIR, shared",
      "tree: overlay",
      "image: python:3.13",
    ]);
  });
});
