import { expect, test } from "vitest";
import { stringify } from "yaml";
import { formatProblem, parseProgram } from "./index.ts";

const least = {
  metric: "loss",
  direction: "minimize",
  change: ["train.py"],
  run: "python train.py",
  image: "python:3.12",
};

/** The errors that a person sees. */
function errors(matter: Record<string, unknown>): string[] {
  const text = `---\n${stringify({ ...least, ...matter })}---\n`;
  return parseProgram(text)
    .problems.filter(({ severity }) => severity === "error")
    .map((problem) => formatProblem("program.md", problem));
}

test("an image is named with registry, port, tag and digest", () => {
  for (const image of [
    ...["python", "python:3.12", "docker.io/library/python:3.12-slim", "localhost:5000/a_b/c.d"],
    `ghcr.io/a/b@sha256:${"0".repeat(64)}`,
  ])
    expect(errors({ image })).toEqual([]);
});

test("what could be a flag, or is no name, is refused in its line", () => {
  for (const image of ["--privileged", "-v", "a b", "a,b", "a;b", "$(id)", "a\nb", "/etc", "a".repeat(600)])
    expect(errors({ image }), image).toEqual([
      expect.stringMatching(/^program\.md:[67]:\d+: error: `[\s\S]*` is no name of an image/) as string,
    ]);
});

test.each([
  [{ metric: { name: "s", clock: "cpu" } }, "`clock: cpu` cannot be measured with `image`"],
  [
    { guards: [{ name: "m", clock: "memory", max: "1GB" }] },
    "`clock: memory` cannot be measured with `image`",
  ],
  [{ tree: "overlay" }, "`tree: overlay` cannot be had with `image`"],
  [{ budget: { time: "1m", network: ["pypi.org:443"] } }, "a list of hosts cannot be had with `image`"],
  [{ model: { model: "openai/gpt-5", to: "run" } }, "a run in an image cannot ask a model"],
  [{ inputs: ["a,b"] }, "`a,b` cannot be shown to a container"],
  [{ write: ['out"'] }, "cannot be shown to a container"],
  [{ score: { python: "e.py:evaluate", inProcess: true } }, "`inProcess` would run the candidate"],
])("what cannot be had with an image is refused with its place: %j", (matter, words) => {
  const found = errors(matter);
  expect(found).toEqual([expect.stringContaining(words) as string]);
  expect(found[0]).toMatch(/^program\.md:\d+:\d+: /);
  const { image: _, ...without } = { ...least, ...matter };
  const text = `---\n${stringify(without)}---\n`;
  const problems = parseProgram(text).problems.filter(({ severity }) => severity === "error");
  expect(problems.map(({ what }) => what).join("\n")).not.toMatch(/image|container/);
});

test("what can be had with an image is no fault", () => {
  const matter = {
    ...{
      metric: { name: "s", clock: "wall" },
      checks: ["sh check.sh"],
      write: ["build"],
      inputs: ["~/.cache/x"],
    },
    budget: { time: "1m", memory: "1GB", cpus: 1, network: true, gpus: 1 },
  };
  expect(errors(matter)).toEqual([]);
});
