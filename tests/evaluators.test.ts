import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { git, repository, whet } from "./support/lab.ts";

const python = (() => {
  try {
    execFileSync("python3", ["-c", ""], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

const lab = (score: string) => ({
  "initial_program.py": `import math

TERMS = 1

def estimate(x):
    return sum((-1) ** k * x ** (2 * k + 1) / math.factorial(2 * k + 1) for k in range(TERMS))
`,
  "evaluator.py": `import importlib.util, math

def evaluate(program_path):
    spec = importlib.util.spec_from_file_location("program", program_path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    xs = [0.25 * i for i in range(1, 9)]
    worst = max(program.estimate(x) for x in xs)
    error = sum(abs(program.estimate(x) - math.sin(x)) for x in xs)
    return {"combined_score": 0.0 if worst > 100 else 1 / (1 + error), "error": error}
`,
  "program.md": `---\nmetric: combined_score\nchange: [initial_program.py]\nscore: ${score}\n---\n# Sine\n`,
});

interface Checked {
  channel: string;
  grade: { letter: string; reasons: string[] };
  probe: { results: { canary: string; outcome: string }[] };
}

describe.skipIf(!python)("an evaluator of another tool, unchanged", () => {
  it("is probed, and a change that really scores better is kept", async () => {
    const folder = repository(lab("{ openevolve: evaluator.py }"));
    const checked = await whet(folder, "check", "--probe", "--json");
    expect(checked).toMatchObject({ code: 0 });
    const { channel, grade, probe } = JSON.parse(checked.stdout) as Checked;
    expect(channel).toBe("scored");
    expect(grade.letter).not.toBe("D");
    expect(probe.results.map(({ canary }) => canary)).toEqual(
      expect.arrayContaining(["forged output", "boasting calls"]),
    );
    expect(probe.results.filter(({ outcome }) => outcome === "better")).toEqual([]);

    const run = await whet(folder, "run", "--experiments", "4");
    expect(run).toMatchObject({ code: 0 });
    const branch = git(folder, "branch", "--list", "whetstone/*", "--format=%(refname:short)").trim();
    expect(git(folder, "show", `${branch}:initial_program.py`)).not.toContain("TERMS = 1\n");
  });

  it("is labelled, and graded C at best, where it imports the candidate into its own process", async () => {
    const folder = repository(lab("{ openevolve: evaluator.py, inProcess: true }"));
    const checked = await whet(folder, "check", "--probe", "--json");
    const { channel, grade, probe } = JSON.parse(checked.stdout) as Checked;
    expect(channel).toBe("self-reported");
    expect(grade.letter).toMatch(/[CD]/);
    expect(grade.reasons.join("\n")).toContain("imports candidates into its own process");
    expect(probe.results.length).toBeGreaterThan(8);
  });
});
