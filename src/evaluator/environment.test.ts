import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { type Contract, parseProgram } from "../contract/index.ts";
import { readEnvironment } from "./environment.ts";
import { logTail } from "./logTail.ts";

const folder = mkdtempSync(join(tmpdir(), "whet-env-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function contract(lines: string): Contract {
  const { program, problems } = parseProgram(
    `---\nmetric: loss\ndirection: minimize\nchange: [a.py]\nrun: python3 a.py\nscore: python3 s.py\n${lines}\n---\n`,
  );
  if (!program) throw new Error(JSON.stringify(problems));
  return program.contract;
}

const key = "abcdefghijklmnop";

describe("the variables of a run", () => {
  it("are those that the contract names, with the user's values or its own", async () => {
    const found = await readEnvironment(contract("env: [CUDA_HOME, {OMP_NUM_THREADS: 2}]"), folder, {
      CUDA_HOME: "/opt/cuda",
      OTHER: "stays outside",
    });
    expect(found.run).toEqual({ CUDA_HOME: "/opt/cuda", OMP_NUM_THREADS: "2" });
    expect(found.score).toEqual(found.run);
    expect(found.pin).toMatch(/^[0-9a-f]{64}$/);
  });

  it("are pinned by name and value, and without any nothing is pinned", async () => {
    const at = async (value: string) =>
      (await readEnvironment(contract("env: [A]"), folder, { A: value })).pin;
    expect(await at("1")).toBe(await at("1"));
    expect(await at("1")).not.toBe(await at("2"));
    expect((await readEnvironment(contract(""), folder, { A: "1" })).pin).toBeNull();
  });

  it("that hold a secret go to the scorer alone, unless the contract hands them to the run", async () => {
    const user = { JUDGE_KEY: key, API_KEY: `${key}2` };
    const found = await readEnvironment(
      contract("secrets: [JUDGE_KEY, {name: API_KEY, to: run}]"),
      folder,
      user,
    );
    expect(found.run).toEqual({ API_KEY: `${key}2` });
    expect(found.score).toEqual(user);
    expect(found.pin).toBeNull();
  });

  it("of an env file go to the run, but for those whose names say that they are secrets", async () => {
    writeFileSync(join(folder, ".env"), `MODE="fast one" # a comment\nOPENAI_API_KEY=${key}\nPATH=/evil\n`);
    const found = await readEnvironment(contract("envFile: .env"), folder, {});
    expect(found.run).toEqual({ MODE: "fast one" });
    expect(found.score).toEqual({ MODE: "fast one", OPENAI_API_KEY: key });
    const named = await readEnvironment(contract("envFile: .env\nenv: [OPENAI_API_KEY]"), folder, {});
    expect(named.run.OPENAI_API_KEY).toBe(key);
    expect(named.redact(`it says ${key}`)).toBe("it says [key]");
  });

  it("in the user's environment come before those of the file", async () => {
    writeFileSync(join(folder, ".env"), "MODE=slow\n");
    const found = await readEnvironment(contract("envFile: .env\nenv: [MODE]"), folder, { MODE: "fast" });
    expect(found.run).toEqual({ MODE: "fast" });
  });

  it.each([
    [
      "a variable that is not set",
      "env: [NOT_SET]",
      ["env", "NOT_SET"],
      /NOT_SET is not set in your environment/,
    ],
    ["a secret that is not set", "secrets: [NOT_SET]", ["secrets", "NOT_SET"], /NOT_SET is not set/],
    ["a file that is not there", "envFile: no.env", ["envFile"], /there is no file/],
  ])("are refused for %s", async (_name, lines, at, message) => {
    await expect(readEnvironment(contract(lines), folder, {})).rejects.toMatchObject({
      at,
      message: expect.stringMatching(message),
    });
  });

  it("are refused for a secret so short that it could not be recognised", async () => {
    await expect(readEnvironment(contract("secrets: [PIN]"), folder, { PIN: "1234" })).rejects.toThrow(
      /fewer than 6 characters/,
    );
  });
});

/** As a program prints a value: alone, in JSON, in an address, in a header of basic authorisation, in hexadecimal. */
const printed = fc.constantFrom<(secret: string) => string>(
  (secret) => secret,
  (secret) => JSON.stringify({ secret }),
  (secret) => `https://example.org/?k=${encodeURIComponent(secret)}`,
  (secret) => Buffer.from(`user:${secret}`).toString("base64"),
  (secret) => Buffer.from(secret).toString("hex"),
);
const secretText = fc
  .string({ minLength: 12, maxLength: 60, unit: fc.constantFrom(...'abcXYZ019+/=%&"\\ _-'.split("")) })
  .filter((text) => text.trim() === text && /[a-z].*[0-9]|[0-9].*[a-z]/i.test(text));

describe("the end of a log", () => {
  it("holds no granted secret, however it is printed and wherever the log is cut", async () => {
    const granted = contract("secrets: [{name: API_KEY, to: run}]");
    await fc.assert(
      fc.asyncProperty(
        secretText,
        printed,
        fc.nat(20_000),
        fc.nat(9000),
        async (secret, print, before, after) => {
          const environment = await readEnvironment(granted, folder, { API_KEY: secret });
          const text = `${"x ".repeat(before / 2)}${print(secret)}${" y".repeat(after / 2)}`;
          const tail = logTail(text, environment);
          // The edges of base64 depend on what stands beside: what is left of them is no part to log in with.
          const core = print(secret).slice(print(secret).indexOf(secret.slice(0, 4)));
          expect(tail).not.toContain(secret);
          if (core.length > 12) expect(tail).not.toContain(core.slice(0, 12));
          expect(tail.length).toBeLessThanOrEqual(4096);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("keeps the last lines as they are, and cuts no character in two", async () => {
    const environment = await readEnvironment(contract(""), folder, {});
    expect(logTail("one\ntwo\n\n", environment)).toBe("one\ntwo");
    const long = logTail("ä".repeat(20_000), environment);
    expect(Buffer.byteLength(long)).toBeLessThanOrEqual(4096);
    expect(long).toMatch(/^ä+$/);
  });
});
