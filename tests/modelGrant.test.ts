import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { whet as plainWhet, program, repository, startWith } from "./support/lab.ts";
import { query } from "./support/ledger.ts";
import { type ModelServer, startModelServer } from "./support/modelServer/index.ts";

/** What the user's environment holds and no run may see. */
const key = "sk-real-key-of-the-user-0123456789";
const waits = 240_000;

let server: ModelServer;
let answers = 0;
beforeAll(async () => {
  server = await startModelServer(
    ({ messages, maxOutput }) => ({
      text: `answer ${++answers}`,
      // As long as it may be: cut off by whoever set the length.
      ...(messages.at(-1)?.text === "cut" ? { usage: { input: 20, output: maxOutput ?? 0 } } : {}),
    }),
    { main: () => true },
  );
});
afterAll(() => server.close());

const environment = () => ({
  ...{ OPENAI_API_KEY: key, OPENAI_BASE_URL: `${server.url}/v1` },
  ...{ ANTHROPIC_API_KEY: key, ANTHROPIC_BASE_URL: server.url },
});
const whet = (lab: string, ...args: string[]) => startWith(environment(), lab, ...args).finished;

/** A lab whose scorer is this module; the candidate is a text. */
function judged(frontMatter: string, scorer: string, files: Record<string, string> = {}): string {
  return repository({
    "program.md": program(
      `metric: score\ndirection: maximize\nchange: [text.md]\nrun: cp text.md "$OUT/"\nscore: node score.mjs\nisolation: required\n${frontMatter}`,
    ),
    "text.md": "Once.\n",
    "score.mjs": scorer,
    ...files,
  });
}

const ask = `const ask = async (words) => {
  const answer = await fetch(process.env.OPENAI_BASE_URL + "/chat/completions", {
    method: "POST",
    headers: { authorization: "Bearer " + process.env.OPENAI_API_KEY, "content-type": "application/json" },
    body: JSON.stringify({ model: process.env.WHETSTONE_MODEL, messages: [{ role: "user", content: words }] }),
  });
  return [answer.status, await answer.json()];
};
`;

describe("a scorer that asks a model", () => {
  it("finds it with the official kind of clients, holds no key, and every call is counted", {
    timeout: waits,
  }, async () => {
    const lab = judged(
      "model:\n  - {model: openai/gpt-5-mini, temperature: 0, calls: 40, money: 1}\n  - {model: anthropic/claude-haiku-4-5, calls: 40}\n",
      `import { generateText, streamText } from "ai";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
const whole = await generateText({ model: createOpenAI()("gpt-5-mini"), prompt: "whole" });
const chat = await generateText({ model: createOpenAI().chat("gpt-5-mini"), prompt: "chat" });
const streamed = streamText({ model: createAnthropic()("claude-haiku-4-5"), prompt: "streamed" });
let text = "";
for await (const part of streamed.textStream) text += part;
console.error(JSON.stringify(process.env));
console.log("score: " + [whole.text, chat.text, text].filter((each) => each.startsWith("answer ")).length);
`,
    );
    symlinkSync(join(import.meta.dirname, "..", "node_modules"), join(lab, "node_modules"));
    const { code, stdout, stderr } = await whet(lab, "check", "--json");
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    const check = JSON.parse(stdout) as { baseline: { mean: number }; grants: { grant: string }[] };
    expect(check.baseline.mean).toBe(3);
    expect(check.grants.map(({ grant }) => grant)).toEqual([
      "model: openai/gpt-5-mini for the scorer",
      "model: anthropic/claude-haiku-4-5 for the scorer",
    ]);
    const used = JSON.parse(query<string>(lab, "select used from evaluations limit 1")) as {
      models: object[];
    };
    expect(used.models).toEqual([
      expect.objectContaining({
        ...{ model: "openai/gpt-5-mini", asker: "score", calls: 2, failed: 0 },
        ...{ tokensIn: 200, tokensOut: 40, dollars: expect.closeTo(0.00013, 6) },
      }),
      expect.objectContaining({
        model: "anthropic/claude-haiku-4-5",
        calls: 1,
        tokensIn: 100,
        tokensOut: 20,
      }),
    ]);
    for (const request of server.requests) {
      expect(JSON.stringify(request.headers)).toContain(key);
      if (request.model === "gpt-5-mini") expect(request.body).toMatchObject({ temperature: 0 });
    }
    for (const column of ["log_tail", "failure_message", "metrics"])
      expect(query(lab, `select count(*) from evaluations where ${column} like '%sk-real%'`)).toBe(0);
  });

  it("is told when a limit of one evaluation is met, which fails it, and never reaches further", {
    timeout: waits,
  }, async () => {
    const lab = judged(
      "model: {model: openai/gpt-5-mini, calls: 2}\n",
      `${ask}
const all = [await ask("one"), await ask("two"), await ask("three")];
console.log("score: " + all.filter(([status]) => status === 200).length);
`,
    );
    const before = server.requests.length;
    const { code, stderr, stdout } = await whet(lab, "check");
    expect(code).toBe(1);
    expect(stderr + stdout).toContain("the limit of 2 calls for one evaluation is reached");
    expect(server.requests.length - before).toBe(2);
  });

  it("ends the session where its own limit is met, also after a restart", { timeout: waits }, async () => {
    const lab = judged(
      "model: {model: openai/gpt-5-mini, session: {calls: 7}}\nresearcher: {command: 'date +%N >> text.md'}\ndecision: {baselineRuns: 5}\n",
      `${ask}
const [, answer] = await ask("judge");
console.log("score: " + (answer.choices ? Number(process.env.SEED) % 100 : 0));
`,
    );
    const first = await whet(lab, "run", "--experiments", "9", "--json", "--no-probe");
    expect(first.stdout + first.stderr).toContain("the limit of 7 calls for the session is reached");
    expect(query(lab, "select count(*) from model_calls")).toBe(7);
    const again = await whet(lab, "run", "--experiments", "9", "--json", "--no-probe");
    expect(again.stdout + again.stderr).toContain("the limit of 7 calls for the session is reached");
    expect(query(lab, "select count(*) from model_calls")).toBe(7);
  });

  it("gives both arms of a pair the same answer, and each pair another", { timeout: waits }, async () => {
    const lab = judged(
      "model: {model: openai/gpt-5-mini, cache: true}\nresearcher: {command: 'date +%N >> text.md'}\n",
      `${ask}
const [, first] = await ask("judge");
const [, second] = await ask("judge");
const said = [first, second].map((answer) => Number(answer.choices[0].message.content.split(" ")[1]));
console.log(JSON.stringify({ score: (said[0] % 7) + said[1] / 1e6, first: said[0], second: said[1] }));
`,
    );
    const { code, stderr } = await whet(lab, "run", "--experiments", "2", "--json", "--no-probe");
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    const runs = JSON.parse(
      query<string>(
        lab,
        "select json_group_array(json_object('seed', seed, 'metrics', json(metrics), 'used', json(used))) from evaluations",
      ),
    ) as {
      seed: number;
      metrics: { first: number; second: number };
      used: { models: { cached: number }[] };
    }[];
    const bySeed = Map.groupBy(runs, ({ seed }) => seed);
    for (const [, same] of bySeed) {
      expect(new Set(same.map(({ metrics }) => metrics.first)).size).toBe(1);
      // The same words a second time are another question.
      for (const { metrics } of same) expect(metrics.second).not.toBe(metrics.first);
    }
    expect(new Set([...bySeed.values()].map(([run]) => run?.metrics.first)).size).toBe(bySeed.size);
    const shared = [...bySeed.values()].filter((same) => same.length > 1);
    for (const [, second] of shared) expect(second?.used.models[0]?.cached).toBe(2);
  });
});

/** Python's standard library alone, as a user without any package would write it. */
const askInPython = `import json, os, urllib.error, urllib.request

def post(base, path, body, **headers):
    request = urllib.request.Request(os.environ[base] + path, json.dumps(body).encode(),
                                     {"content-type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()

def bearer(key):
    return {"authorization": "Bearer " + key}

question = {"messages": [{"role": "user", "content": "hello"}]}
own = bearer(os.environ["OPENAI_API_KEY"])
status, text = post("OPENAI_BASE_URL", "/chat/completions", {"model": "gpt-5-mini", **question}, **own)
chat = json.loads(text)["choices"][0]["message"]["content"]
status, text = post("OPENAI_BASE_URL", "/embeddings", {"model": "text-embedding-3-small", "input": ["four"]}, **own)
vector = json.loads(text)["data"][0]["embedding"]
body = {"model": "claude-haiku-4-5", "max_tokens": 50, "stream": True, **question}
status, text = post("ANTHROPIC_BASE_URL", "/v1/messages", body,
                    **{"x-api-key": os.environ["ANTHROPIC_API_KEY"], "anthropic-version": "2023-06-01"})
events = [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data:")]
streamed = "".join(event["delta"]["text"] for event in events if event.get("delta", {}).get("text"))
wrong, _ = post("OPENAI_BASE_URL", "/chat/completions", {"model": "gpt-5-mini", **question}, **bearer("guessed"))
with open(os.environ["OUT"] + "/said.json", "w") as out:
    json.dump({"chat": chat, "vector": vector, "streamed": streamed, "wrong": wrong}, out)
`;

/** Each copy asks the model for what it answers. */
const answerByModel = `import { createInterface } from "node:readline";
${ask}console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  const { id, ask: words } = JSON.parse(line);
  const [, answer] = await ask(words);
  console.log(JSON.stringify({ id, answer: answer.choices[0].message.content }));
}
`;

const scoreAnswers = `import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
const said = JSON.parse(readFileSync(process.env.OUT + "/said.json", "utf8"));
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const answers = [said.chat, said.streamed];
for (const to of [0, 1, 1]) {
  console.log(JSON.stringify({ ask: "words", to }));
  answers.push(JSON.parse((await lines.next()).value).answer);
}
if (process.env.OPENAI_BASE_URL) throw new Error("the scorer finds the run's model");
const score = answers.filter((each) => /^answer \\d+$/.test(each)).length;
console.log(JSON.stringify({ metrics: { score, vector: said.vector[0], wrong: said.wrong } }));
process.stdin.destroy();
`;

describe.each([
  ["L2", [], 200],
  ["L0", ["--isolation", "L0"], 401],
] as const)("a run and its answering copies that ask models, at %s", (_level, flags, wrong) => {
  it("reach them over both wires, streamed and with embeddings, and what they used is shown", {
    timeout: waits,
  }, async () => {
    const lab = repository({
      "program.md": program(
        `metric: score
direction: maximize
change: [ask.py, answer.mjs]
run: python3 ask.py
score: {command: node score.mjs, answer: node answer.mjs, copies: 2}
model:
  - {model: openai/gpt-5-mini, to: run, calls: 9, session: {calls: 400, money: 2}}
  - {model: anthropic/claude-haiku-4-5, to: run}
  - {model: openai/text-embedding-3-small, to: run}
researcher: {command: 'echo "# $(date +%N)" >> ask.py'}
decision: {baselineRuns: 2}`,
      ),
      ...{ "ask.py": askInPython, "answer.mjs": answerByModel, "score.mjs": scoreAnswers },
    });
    const { code, stderr } = await whet(lab, "run", "--experiments", "1", "--json", "--no-probe", ...flags);
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    const recorded = query<string>(
      lab,
      "select json_object('metrics', json(metrics), 'used', json(used)) from evaluations order by id limit 1",
    );
    const { metrics, used } = JSON.parse(recorded) as { metrics: object; used: { models: object[] } };
    expect(metrics).toEqual({ score: 5, vector: 4, wrong });
    expect(used.models).toEqual([
      expect.objectContaining({ asker: "run", calls: wrong === 200 ? 5 : 4, failed: 0 }),
      expect.objectContaining({ asker: "run", calls: 1, tokensIn: 100, tokensOut: 20 }),
      expect.objectContaining({ asker: "run", calls: 1, tokensIn: 7, tokensOut: 0, dollars: null }),
    ]);
    expect(query(lab, "select count(*) from model_calls where asker <> 'run'")).toBe(0);

    const status = JSON.parse((await plainWhet(lab, "status", "--json")).stdout) as {
      models: { model: string; calls: number; dollars: number | null; limits: object }[];
    };
    const calls = query<number>(lab, "select count(*) from model_calls where model = 'openai/gpt-5-mini'");
    expect(status.models[0]).toMatchObject({ calls, limits: { calls: 400, money: 2 } });
    expect(status.models.map(({ dollars }) => dollars === null)).toEqual([false, false, true]);
    expect((await plainWhet(lab, "status")).stdout).toContain(
      `model: openai/gpt-5-mini for the run: ${calls} calls`,
    );
    const [row] = JSON.parse((await plainWhet(lab, "log", "--json")).stdout) as {
      runs: number;
      used: { models: { calls: number }[] };
    }[];
    expect(row?.used.models[1]?.calls).toBe(row?.runs);
    expect((await plainWhet(lab, "show", "1")).stdout).toMatch(
      /used +anthropic\/claude-haiku-4-5 by the run: \d calls?, \d+ tokens, \$0\.00\d+/,
    );
  });
});

describe("a limit of tokens", () => {
  it("shortens the longest answer that a request may have", {
    timeout: waits,
  }, async () => {
    const lab = judged(
      "model: {model: openai/gpt-5-mini, tokens: 1000}\n",
      `${ask.replace("messages:", 'max_completion_tokens: Number(words === "long") * 60_000 || undefined, messages:')}
const all = [await ask("long"), await ask("short")];
console.log("score: " + all.filter(([status]) => status === 200).length);
`,
    );
    const before = server.requests.length;
    expect((await whet(lab, "check", "--json")).code).toBe(0);
    const [long, short] = server.requests.slice(before);
    // Some 40 tokens of the request itself are taken off, and the 120 of the first call.
    for (const [request, least, most] of [
      [long, 900, 999],
      [short, 780, 879],
    ] as const) {
      expect(request?.maxOutput).toBeGreaterThan(least);
      expect(request?.maxOutput).toBeLessThan(most);
    }
  });

  it("fails a run of which it cut an answer short, since the number is not comparable", {
    timeout: waits,
  }, async () => {
    const lab = judged(
      "model: {model: openai/gpt-5-mini, tokens: 1000}\n",
      `${ask}
const [status] = await ask("cut");
console.log("score: " + status);
`,
    );
    const { code, stdout, stderr } = await whet(lab, "check");
    expect(code).toBe(1);
    expect(stdout + stderr).toMatch(/an answer was cut off at 9\d\d tokens/);
  });
});
