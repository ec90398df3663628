import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openSandbox } from "../src/sandbox/index.ts";
import { repository, startWith, whet, write } from "./support/lab.ts";

const isL2 = (await openSandbox()).isolation.level === "L2";
const contract = (run: string, change = "knob.txt") =>
  `---\ngoal: x\nmetric: v\ndirection: minimize\nchange: ["${change}"]\nrun: |-\n  ${run}\nbudget: 60s\n---\nx\n`;

it.runIf(isL2).each([
  ["a history", "git describe --always && echo v: 5", /has no \.git/],
  ["what bash adds", "echo A=5 > $OUT/env; source $OUT/env && echo v: $A", /run by sh -c[\s\S]*bash -c/],
  [
    "a database beside its sources",
    `node -e 'require("fs").writeFileSync("cache.db", "")' && echo v: 5`,
    /`tree: overlay`[\s\S]*--isolation L0/,
  ],
  [
    "the network",
    `node -e 'fetch("http://data.example.org/x").catch((e) => { console.error(e.cause); process.exit(1) })'`,
    /budget: \{time: 60s, network: \["?data\.example\.org:80"?\]\}[\s\S]*--isolation L0/,
  ],
])("whet check names the grant when the run wants %s", async (_what, run, advice) => {
  const lab = repository({ "program.md": contract(run), "knob.txt": "1\n" });
  const { code, stderr } = await whet(lab, "check");
  expect(code).toBe(1);
  expect(stderr).toMatch(advice);
});

it.runIf(isL2)("whet check names a cache below the home folder as an input", async () => {
  const home = mkdtempSync(join(tmpdir(), "whet-home-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  write(home, { ".cache/autoresearch/data.bin": "1\n" });
  const lab = repository({
    "program.md": contract("cat ~/.cache/autoresearch/data.bin && echo v: 5"),
    "knob.txt": "1\n",
  });
  const { code, stderr } = await startWith({ HOME: home }, lab, "check").finished;
  expect(code).toBe(1);
  expect(stderr).toContain("inputs: [~/.cache/autoresearch]");
  expect(existsSync(join(homedir(), ".cache/autoresearch/data.bin"))).toBe(false);
});

it.runIf(isL2)("pnpm's packages and those of a workspace are found, and are the candidate's", async () => {
  const store = "node_modules/.pnpm";
  const lab = repository({
    "program.md": contract("node packages/bench/bench.js", "packages/core/**"),
    ".gitignore": "node_modules\n.whetstone\n",
    "package.json": '{"name":"m","private":true}',
    "pnpm-workspace.yaml": "packages:\n  - packages/*\n",
    "packages/core/package.json": '{"name":"@m/core","version":"1.0.0","main":"index.js"}',
    "packages/core/index.js": "const WIDTH = 40;\nmodule.exports = WIDTH;\n",
    "packages/bench/package.json": '{"name":"@m/bench","version":"1.0.0"}',
    "packages/bench/bench.js": 'console.log("v: " + require("lp")(require("@m/core")));\n',
  });
  write(lab, {
    [`${store}/lp@1.0.0/node_modules/lp/index.js`]: 'module.exports = require("dep");\n',
    [`${store}/dep@2.0.0/node_modules/dep/index.js`]: "module.exports = (x) => x;\n",
  });
  const link = (at: string, target: string) => {
    mkdirSync(dirname(join(lab, at)), { recursive: true });
    symlinkSync(target, join(lab, at));
  };
  link(`${store}/lp@1.0.0/node_modules/dep`, "../../dep@2.0.0/node_modules/dep");
  link("packages/bench/node_modules/lp", `../../../${store}/lp@1.0.0/node_modules/lp`);
  link("packages/bench/node_modules/@m/core", "../../../core");
  const { code, stdout, stderr } = await whet(lab, "run", "--no-probe", "--audit", "0", "--experiments", "2");
  expect(`${code} ${stderr}`).toMatch(/^0 /);
  expect(stdout).toMatch(/#\d keep/);
});
