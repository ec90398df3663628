import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { knobs, log, status } from "./support/knobs.ts";
import { repository, startWith, typed, whet, write } from "./support/lab.ts";

/** Agents in a box are programs like any other; without bubblewrap there is no box. */
const hasBox = (() => {
  try {
    execFileSync("bwrap", ["--unshare-all", "--ro-bind", "/", "/", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

const private_ = { "answers.json": '{"secret": 41}\n', "hold.json": '{"secret": 42}\n' };
const lab = () =>
  repository(
    knobs("", {
      ...private_,
      "program.md": readProgram(),
    }),
  );

/** The lab of knobs with data that only scorers see. */
function readProgram(): string {
  return (knobs("")["program.md"] as string).replace(
    /score: (.*)/,
    "score: { command: $1, private: [answers.json] }\nholdout: { score: $1, private: [hold.json] }",
  );
}

/** Writes a program of the agent's that lies outside of the lab, and starts it in a box. */
function boxed(folder: string, script: string, outside = join(folder, "..")) {
  const file = join(outside, `agent-${process.pid}-${Math.random().toString(36).slice(2)}.mjs`);
  writeFileSync(file, script);
  return whet(folder, "start", "--no-probe", "--sandboxed", "--", "node", file);
}

const helpers = `
import { spawnSync } from "node:child_process";
import { connect } from "node:net";
import { existsSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
const whet = (...args) => { const r = spawnSync("whet", args, { encoding: "utf8" }); return { code: r.status, out: r.stdout, err: r.stderr }; };
const knobs = (values) => writeFileSync("knobs.json", JSON.stringify(values, null, 2) + "\\n");
const raw = (text) => new Promise((done) => {
  const socket = connect(process.env.WHET_HATCH); let said = "";
  socket.on("data", (chunk) => { said += chunk; }); socket.on("error", () => done(said)); socket.on("close", () => done(said));
  socket.write(text);
});
const can = (work) => { try { work(); return true; } catch { return false; } };
`;

describe.skipIf(!hasBox)("an agent in a box", () => {
  it("has an honest gain kept and audited, and the grade does not say that it had the user's rights", async () => {
    const folder = lab();
    const started = await boxed(
      folder,
      `${helpers}
knobs({ a: 8, b: 1, c: 1 });
const tried = whet("try", "-m", "nearer", "--because", "it is nearer");
console.log("TRIED", tried.code, tried.out);
console.log("LEARNT", whet("learn", "1", "--confirmed", "a matters").code);
console.log("LOG", JSON.parse(whet("log", "--json").out).length, whet("context").code, whet("status").code, whet("diff", "1").code);
console.log("HERE", process.cwd());
process.exit(7);`,
    );
    expect(started.stdout).toMatch(/TRIED 0 #1 KEEP/);
    expect(started.stdout).toMatch(/LEARNT 0/);
    expect(started.stdout).toMatch(/LOG 1 0 0 0/);
    expect(started.stdout).toContain(`HERE ${join(folder, ".whetstone", "workspace")}`);
    expect(started.stderr).toMatch(/sandboxed: node .* granted:\s+the workspace .*writable/);
    expect(started.code).toBe(7);
    expect((await whet(folder, "audit", "--no-probe", "--pairs", "2")).code).toBe(0);
    const now = (await status(folder)) as unknown as {
      grade: { letter: string; reasons: string[] };
      audit: { effect: number };
      drivers: { free: number; boxes: { program: string; experiments: number }[] };
    };
    expect(now.audit.effect).toBeGreaterThan(0);
    expect(now.grade.letter).toBe("B");
    expect(now.grade.reasons.join("\n")).not.toMatch(/your rights/);
    expect(now.drivers).toMatchObject({ free: 0, boxes: [{ program: "node", experiments: 1 }] });
    expect((await whet(folder, "replay")).stdout).toMatch(/the record is as it was written/);

    // One try from outside, and the cap is back.
    writeFileSync(
      join(folder, ".whetstone", "workspace", "knobs.json"),
      `${JSON.stringify({ a: 8, b: 2, c: 1 }, null, 2)}\n`,
    );
    await whet(folder, "try", "--no-probe", "-m", "from outside", "--because", "x");
    const later = await status(folder);
    expect(later.grade.reasons.join("\n")).toMatch(/C at best: an agent drove with your rights/);
  });

  it("finds nothing of what judges, and gets nothing but what an agent that drives may ask for", async () => {
    const folder = lab();
    const outside = join(folder, "..", `owned-${process.pid}`);
    const started = await boxed(
      folder,
      `${helpers}
const folder = ${JSON.stringify(folder)};
const result = {
  seen: [".whetstone/ledger.db", ".whetstone/trying.json", ".whetstone/work", "answers.json", "hold.json", ".git/HEAD", "program.md"]
    .filter((path) => existsSync(folder + "/" + path)),
  here: ["answers.json", "hold.json"].filter(existsSync),
  key: existsSync(${JSON.stringify(join(process.env.XDG_STATE_HOME ?? join(homedir(), ".local/state"), "whetstone"))}),
  // The lab of this test lies in /tmp, and the agent's /tmp is its own: what it writes there is gone with it.
  notes: can(() => writeFileSync(folder + "/.whetstone/program.json", "{}")),
  own: can(() => writeFileSync(${JSON.stringify(outside)}, "x")),
  git: can(() => writeFileSync(".git/config", "[core]\\n\\tfsmonitor = touch ${outside}\\n")),
  others: readdirSync("/proc").filter((name) => /^\\d+$/.test(name) && Number(name) > 1 && can(() => readFileSync("/proc/" + name + "/cmdline"))
    && /whet.cjs|vitest/.test(readFileSync("/proc/" + name + "/cmdline", "utf8"))).length,
  killed: ${process.pid} > 2000000000 || can(() => process.kill(${process.pid}, 0)),
  run: whet("run").code,
  audit: whet("audit").code,
  elsewhere: whet("status", "../../..").code,
  forged: await Promise.all([
    '{"ask":"run"}', '{"ask":"audit"}', '{"ask":"try","what":"x","because":"y","value":-9}', 'not json', '[]', '{"ask":"show","id":"1; drop"}',
    '{"ask":"status","lab":"../../etc"}', '{"ask":"start","workspace":"/etc"}', '{"ask":"try","what":"x","because":"y","box":"free"}',
  ].map((text) => raw(text + "\\n"))),
  flood: await raw("x".repeat(200_000)),
};
console.log("RESULT" + JSON.stringify(result));`,
    );
    const result = JSON.parse(/RESULT(.*)/.exec(started.stdout)?.[1] ?? "{}");
    expect(result).toMatchObject({
      ...{ seen: [], here: [], key: false, git: false, others: 0, killed: false },
      ...{ run: 2, audit: 2, elsewhere: 2 },
    });
    expect(result.forged).toHaveLength(9);
    for (const answer of result.forged) expect(answer).toMatch(/\{"exit":2\}\n$/);
    expect(result.flood).not.toMatch(/"out"/);
    expect(existsSync(outside)).toBe(false);
    expect(readFileSync(join(folder, ".whetstone", "program.json"), "utf8")).toContain("score.pl");
    expect(await log(folder)).toEqual([]);
  });

  it("is shown its program alone where that lies in the repository, and no private file of it", async () => {
    const folder = repository(
      knobs("", {
        ...private_,
        "program.md": readProgram().replace(
          "private: [answers.json]",
          "private: [answers.json, bin/golden.txt]",
        ),
        "bin/golden.txt": "golden\n",
        "bin/mine": `#!/bin/sh\nfind ${"`dirname $0`"} -type f\n`,
      }),
    );
    chmodSync(join(folder, "bin/mine"), 0o755);
    const begin = ["start", "--no-probe", "--sandboxed", "--"];
    const path = { PATH: `${join(folder, "bin")}:${process.env.PATH}` };
    const started = await startWith(path, folder, ...begin, "mine").finished;
    expect(started.stdout).toContain(`${folder}/bin/mine\n`);
    expect(started.stdout).not.toContain("golden");
    for (const words of [[`${folder}/bin/golden.txt`], ["cat", `${folder}/answers.json`]]) {
      const refused = await whet(folder, ...begin, ...words);
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/is not shown to an agent/) });
    }
  });

  it("cannot have a link followed while its workspace is read or put back", async () => {
    const folder = lab();
    const started = await boxed(
      folder,
      `${helpers}
import { spawn } from "node:child_process";
knobs({ a: 8, b: 1, c: 1 });
const swap = spawn("sh", ["-c", 'while :; do mv knobs.json k 2>/dev/null; ln -s ${folder}/answers.json knobs.json 2>/dev/null; rm -f knobs.json; mv k knobs.json 2>/dev/null; done']);
const codes = [];
for (let round = 0; round < 4; round++) codes.push(whet("try", "-m", "race " + round, "--because", "x").code);
swap.kill();
console.log("CODES", codes.every((code) => code === 0 || code === 2 || code === 1));`,
    );
    expect(started.stdout).toMatch(/CODES true/);
    expect(readFileSync(join(folder, "answers.json"), "utf8")).toBe(private_["answers.json"]);
    for (const { what } of (await log(folder)) as unknown as { what: string }[]) expect(what).toMatch(/race/);
    for (let id = 1; id <= (await log(folder)).length; id++)
      expect((await whet(folder, "diff", String(id))).stdout).not.toMatch(/secret/);
  });

  it("has no link followed to a folder of the user's: in place of the lab's folder, above an input, or between two steps", async () => {
    const root = repository({
      ".gitignore": "data/\n",
      ...Object.fromEntries(
        Object.entries(knobs("inputs: [data/train]")).map(([path, text]) => [`labs/one/${path}`, text]),
      ),
    });
    const folder = join(root, "labs", "one");
    const owned = join(root, "..", `owned-${process.pid}`);
    onTestFinished(() => rmSync(owned, { recursive: true, force: true }));
    write(folder, { "data/train/x": "precious\n" });
    write(owned, { "knobs.json": '{"secret": 41}\n', "key.txt": "secret\n", "train/x": "secret\n" });
    const started = await boxed(
      folder,
      `${helpers}
import { spawn } from "node:child_process";
import { mkdirSync, renameSync, rmSync, unlinkSync } from "node:fs";
const lab = process.cwd(), tree = lab + "/../..", owned = ${JSON.stringify(owned)};
const said = [];
const back = (path) => { try { unlinkSync(path); } catch {} };
const ask = (...args) => { process.chdir("/"); const answer = whet(...args); process.chdir(lab); said.push(answer.out); return answer.code; };
const codes = [];
// 1: the lab's folder.
renameSync(lab, tree + "/one2"); symlinkSync(owned, lab);
codes.push(ask("try", "-m", "lab", "--because", "x"));
// 2: a folder above an input.
rmSync("data", { recursive: true }); symlinkSync(owned, "data"); knobs({ a: 2, b: 1, c: 1 });
codes.push(ask("try", "-m", "input", "--because", "x"));
// 3 and 4: whenever the processes go on, a folder is exchanged for a link.
for (const order of [["try", "-m", "between", "--because", "x"], ["start", "--from", "2"]])
  for (const when of [1, 2, 3]) {
    mkdirSync("sub", { recursive: true }); writeFileSync("sub/key.txt", "x" + when); knobs({ a: 2 + when, b: 1, c: 1 });
    let count = 0;
    const exchange = () => {
      if (++count !== when) return;
      try { renameSync(lab + "/sub", lab + "/sub2"); symlinkSync(owned, lab + "/sub"); } catch {}
      try { renameSync(lab, tree + "/one3"); symlinkSync(owned, lab); } catch {}
    };
    process.on("SIGCONT", exchange);
    const child = spawn("whet", order, { cwd: "/" });
    child.stdout.on("data", (text) => said.push(String(text)));
    await new Promise((done) => child.on("close", done));
    process.off("SIGCONT", exchange);
    process.chdir("/"); whet("start"); process.chdir(lab);
  }
console.log("CODES", codes.join());
for (let id = 1; id < 9; id++) said.push(whet("diff", String(id)).out);
console.log("READ", said.join("").includes("secret"), existsSync(lab + "/data/train"));`,
      join(root, ".."),
    );
    expect(started.stdout).toMatch(/CODES 0,0/);
    expect(started.stdout).toMatch(/READ false/);
    expect(readFileSync(join(folder, "data/train/x"), "utf8")).toBe("precious\n");
    expect(new Set(readdirSync(owned, { recursive: true, encoding: "utf8" }))).toEqual(
      new Set(["key.txt", "knobs.json", "train", "train/x"]),
    );
    expect(readFileSync(join(owned, "knobs.json"), "utf8")).toBe('{"secret": 41}\n');
    const aside = join(folder, ".whetstone", "aside");
    for (const entry of existsSync(aside) ? readdirSync(aside, { recursive: true, withFileTypes: true }) : [])
      if (entry.isFile())
        expect(readFileSync(join(entry.parentPath, entry.name), "utf8")).not.toMatch(/secret/);
    const rows = (await log(folder)) as unknown as { status: string; reason: string }[];
    expect(rows[0]).toMatchObject({
      status: "invalid",
      reason: expect.stringMatching(/lab's folder labs\/one .* is a link/),
    });
    expect(rows[1]).toMatchObject({
      status: "invalid",
      reason: expect.stringMatching(/data .*exchanged for a link/),
    });
  });

  it("goes on in its folder when the workspace had to be laid out anew", async () => {
    const started = await boxed(
      lab(),
      `${helpers}
import { mkdirSync } from "node:fs";
const here = process.cwd();
mkdirSync("deep"); process.chdir("deep");
for (let depth = 0; depth < 150; depth++) { mkdirSync("x".repeat(60)); process.chdir("x".repeat(60)); }
process.chdir(here);
console.log("DEEP", /INVALID/.test(whet("try", "-m", "deep", "--because", "x").out), existsSync("deep"));
knobs({ a: 8, b: 1, c: 1 });
console.log("THEN", whet("try", "-m", "nearer", "--because", "x").out);`,
    );
    expect(started.stdout).toMatch(/DEEP true false/);
    expect(started.stdout).toMatch(/THEN #2 KEEP/);
  });

  it("has a terminal with job control, and Ctrl-C ends its command alone", async () => {
    const folder = lab();
    const shown = await typed(
      folder,
      ...["start", "--no-probe", "--sandboxed", "--"],
      ...[
        "sh",
        "-c",
        '[ -t 0 ] && [ -t 1 ] && : > /dev/tty && echo HAS $((40 + 2)); sh -c "kill -INT \\$\\$"; echo ON $((50 + 5)); exit 9',
      ],
    );
    expect(shown.stdout).toMatch(/HAS 42/);
    expect(shown.stdout).toMatch(/ON 55/);
    expect(shown.code).toBe(9);
  });

  it("is not started where what it writes would be run without a sandbox", async () => {
    const folder = lab();
    const refused = await whet(folder, "start", "--sandboxed", "--isolation", "L0", "--", "true");
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/keeps nobody out/);
    const open = await whet(folder, "start", "--no-probe", "--sandboxed", "--hosts", "*", "--", "true");
    expect(open.code).toBe(2);
    expect(open.stderr).toMatch(/whole network/);
  });
});

it("a command is started by `whet start` in a sandbox only", async () => {
  const refused = await whet(repository(knobs("")), "start", "--", "true");
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/--sandboxed -- COMMAND/);
});
