import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { standInEngine } from "./support/engine.ts";
import { program, repository, startWith } from "./support/lab.ts";

/**
 * No engine of containers is needed: a stand-in takes the command lines and runs them below bubblewrap. Against a real
 * engine: `WHET_CONTAINER_IMAGE=<an image with a POSIX shell> npx vitest run tests/containers.test.ts`.
 */
const real = process.env.WHET_CONTAINER_IMAGE;

const files = {
  "n.py": "N = 40  # 1 .. 60\n",
  "run.sh": [
    "while read -r name equals value rest; do echo $value > $OUT/n; done < n.py",
    "echo built > build/x",
    "if (echo x > run.sh) 2>/dev/null; then exit 3; fi",
    "if [ -e score.sh ] && [ -s hidden ]; then exit 4; fi",
    'if [ "$KEY" != "k3y-of-the-run" ]; then exit 5; fi',
    "",
  ].join("\n"),
  "score.sh": 'read -r n < $OUT/n; read -r hidden < hidden; echo "sum: $((n + hidden))"\n',
  hidden: "2\n",
};

function lab(image: string, more = ""): Record<string, string> {
  const matter = [
    ...["metric: sum", "direction: minimize", "change: [n.py]", "run: sh run.sh", "write: [build]"],
    ...["score: {command: sh score.sh, private: [hidden]}", "secrets: [{name: KEY, to: run}]"],
    ...[`image: ${image}`, "budget: {time: 60s, memory: 512MB}", more],
  ];
  return { ...files, "program.md": program(matter.join("\n")) };
}

const key = { KEY: "k3y-of-the-run" };

describe.each(["podman 4.3.1", "docker 28.2.2"] as const)(
  "a lab with an image, with a stand-in for %s",
  (version) => {
    it("is measured in containers, says so, and is bound to this image", async () => {
      const engine = standInEngine(version);
      const folder = repository(lab(engine.image));
      const whet = (...args: string[]) => startWith({ ...engine.env, ...key }, folder, ...args).finished;
      const check = await whet("check", "--isolation", "L3");
      expect(check.stdout, check.stderr).toMatch(
        /isolation\s+L3: \w+ stand-in rootless, image stand-in\/image:1/,
      );
      expect(check.stdout).toMatch(/sum\s+42 /);
      const run = await whet("run", "--experiments", "1", "--audit", "0", "--no-probe");
      expect(run.code, run.stderr).toBe(0);
      const status = await whet("status", "--json");
      const { isolation, best, baseline } = JSON.parse(status.stdout) as {
        isolation: { level: string; container: { engine: string; number: string; rootless: boolean } };
        best: { value: number };
        baseline: { mean: number };
      };
      expect(isolation).toMatchObject({
        level: "L3",
        container: { engine: version.split(" ")[0], rootless: true },
      });
      expect(best.value).toBeLessThanOrEqual(baseline.mean);

      const calls = engine.calls();
      const runs = calls.filter(([command]) => command === "run");
      expect(runs.length).toBeGreaterThan(5);
      // Every user of the machine can read a command line.
      expect(JSON.stringify(calls)).not.toContain(key.KEY);
      expect(JSON.stringify(runs)).not.toContain("score.sh");

      engine.changeImage();
      const other = await whet("run", "--experiments", "2", "--audit", "0");
      expect(other.code).toBe(2);
      expect(other.stderr).toMatch(/what judges session .* has changed since it began: image/);
    }, 300_000);
  },
);

describe("containers", () => {
  it("run what an agent in a sandbox of its own proposes", async () => {
    const engine = standInEngine("podman 4.3.1");
    const folder = repository(lab(engine.image));
    const script =
      'echo "N = 30" > n.py; whet try -m lower --because "it is less"; whet try -m again --because "none"';
    const { finished } = startWith(
      ...([{ ...engine.env, ...key }, folder, "start", "--sandboxed", "--no-probe"] as const),
      ...["--", "sh", "-c", script],
    );
    const { stdout, stderr, code } = await finished;
    expect(stdout, stderr).toMatch(/#1 KEEP/);
    // Nothing was changed for the second try.
    expect(code).toBe(2);
    const runs = engine.calls().filter(([command]) => command === "run");
    expect(runs.length).toBeGreaterThan(5);
  }, 300_000);

  it("of a killed process are removed by the next one, and by `whet doctor`", async () => {
    const engine = standInEngine("podman 4.3.1");
    const folder = repository({ ...lab(engine.image), "run.sh": "sleep 300\n" });
    const env = { ...engine.env, ...key };
    for (const next of [
      ["doctor", "--yes"],
      ["check", "--fresh"],
    ]) {
      const killed = startWith(env, folder, "check", "--fresh");
      const before = engine.calls().length;
      while (
        !engine
          .calls()
          .slice(before)
          .some((call) => call.includes("sh run.sh"))
      ) {
        if (killed.child.exitCode !== null) throw new Error((await killed.finished).stderr);
        await pause(100);
      }
      await pause(500);
      killed.child.kill("SIGKILL");
      await killed.finished;
      const after = startWith(env, folder, ...next);
      while (
        !engine
          .calls()
          .slice(before)
          .some(([command]) => command === "rm")
      ) {
        if (after.child.exitCode !== null) throw new Error(`${next[0]} removed nothing: ${after.output()}`);
        await pause(100);
      }
      if (next[0] === "doctor")
        expect((await after.finished).stdout).toMatch(/containers .*1 removed|1 removed/);
      after.child.kill("SIGKILL");
      await after.finished;
    }
  }, 300_000);

  it("without an engine, or without the image, end with what to do and the line of the contract", async () => {
    const engine = standInEngine("podman 4.3.1");
    const folder = repository(lab("elsewhere/image:2"));
    const missing = await startWith({ ...engine.env, ...key }, folder, "check").finished;
    expect(missing.code).toBe(2);
    expect(missing.stderr).toMatch(/program\.md:\d+:\d+: the image elsewhere\/image:2 is not here/);
    expect(missing.stderr).toContain("podman pull elsewhere/image:2");

    const closed = join(engine.env.PATH.split(":")[0] as string, "closed");
    mkdirSync(closed);
    for (const name of ["podman", "docker"])
      writeFileSync(join(closed, name), "#!/bin/sh\necho no daemon >&2\nexit 1\n", { mode: 0o755 });
    const env = { ...key, PATH: `${closed}:${process.env.PATH}` };
    const none = await startWith(env, folder, "check").finished;
    expect(none.code).toBe(2);
    expect(none.stderr).toContain(
      "no container engine works here: podman does not answer (no daemon); docker does not",
    );

    const levels = repository({
      "program.md": program("metric: x\ndirection: minimize\nchange: [a.py]\nrun: 'true'"),
    });
    const without = await startWith(engine.env, levels, "check", "--isolation", "L3").finished;
    expect(without.stderr).toContain("L3 needs an image");
  }, 120_000);
});

describe.skipIf(!real)("a real engine", () => {
  it("measures a lab with an image", async () => {
    const folder = repository(lab(real as string));
    const check = await startWith(key, folder, "check", "--json").finished;
    expect(check.code, check.stderr).toBe(0);
    expect(JSON.parse(check.stdout)).toMatchObject({ isolation: { level: "L3" }, baseline: { mean: 42 } });
  }, 300_000);
});
