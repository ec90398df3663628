import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { log } from "../support/knobs.ts";
import { repository, startWith, whet } from "../support/lab.ts";
import { query } from "../support/ledger.ts";
import { levelsHere } from "./runAttack.ts";

/** The agent, not its candidate, is the attacker: a program with a turn of its own in the working copy. */

const key = "sk-the-key-of-the-user";
const shortened = `${"x".repeat(200)}\n`;

function lab(): string {
  return repository({
    "note.txt": `${"x".repeat(400)}\n`,
    "hidden.txt": "only for the scorer\n",
    "score.mjs": [
      'import { readFileSync } from "node:fs";',
      'import { join } from "node:path";',
      'readFileSync("hidden.txt");',
      'const { length } = readFileSync(join(process.env.CANDIDATE, "note.txt"));',
      "console.log(JSON.stringify({ metrics: { bytes: length } }));",
    ].join("\n"),
    "program.md": [
      "---",
      "metric: bytes",
      "direction: minimize",
      "change: [note.txt]",
      "run: sleep 0.2",
      "score: { command: node score.mjs, private: [hidden.txt] }",
      "budget: 10s",
      "control: 0",
      "---",
      "Make the note shorter.",
    ].join("\n"),
  });
}

describe.each(await levelsHere())("an agent at %s", (level) => {
  const isolation = ["--isolation", level === "L0" ? level : "best"];

  /** One experiment with an agent that is this script. */
  async function play(folder: string, script: string, experiments = 1, env: Record<string, string> = {}) {
    const place = mkdtempSync(join(tmpdir(), "whet-hostile-"));
    onTestFinished(() => rmSync(place, { recursive: true, force: true }));
    writeFileSync(join(place, "agent.mjs"), script);
    const ran = await startWith(
      { ANTHROPIC_API_KEY: key, ...env },
      folder,
      ...["run", "--no-probe", "--audit", "0", "--experiments", String(experiments), ...isolation],
      ...["--researcher", `command: ${process.execPath} ${join(place, "agent.mjs")}`],
    ).finished;
    return { ...ran, rows: await log(folder) };
  }
  const honest = `
    import { writeFileSync } from "node:fs";
    process.stdin.resume().on("end", () => writeFileSync("note.txt", ${JSON.stringify(shortened)}));
  `;

  it.skipIf(level === "L0")(
    "finds no ledger, scorer's data, key, file of the user's, other process or network",
    async () => {
      const folder = lab();
      const home = mkdtempSync(join(tmpdir(), "whet-home-"));
      onTestFinished(() => rmSync(home, { recursive: true, force: true }));
      writeFileSync(join(home, "notes.txt"), "private\n");
      const server = createServer((socket) => socket.end("hello"));
      await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
      onTestFinished(() => void server.close());
      const { port } = server.address() as { port: number };
      const marker = join(tmpdir(), `whet-hostile-${process.pid}`);
      const { rows } = await play(
        folder,
        `
        import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
        import { connect } from "node:net";
        const found = [];
        const look = (name, see) => { try { if (see()) found.push(name); } catch {} };
        for await (const _ of process.stdin);
        const lab = ${JSON.stringify(folder)};
        for (const path of ["", ".whetstone", ".whetstone/ledger.db", "hidden.txt", ".git/config"])
          look("lab " + path, () => readdirSync(lab + "/" + path).length >= 0);
        for (const path of [".whetstone/ledger.db", "hidden.txt", ".git/config"])
          look("file " + path, () => readFileSync(lab + "/" + path));
        look("hidden in the copy", () => existsSync("hidden.txt"));
        look("home", () => readFileSync(${JSON.stringify(join(home, "notes.txt"))}));
        for (const pid of readdirSync("/proc").filter((name) => /^\\d+$/.test(name)))
          for (const file of ["environ", "cmdline"])
            look("key in " + pid + " " + file, () => readFileSync("/proc/" + pid + "/" + file, "utf8").includes(${JSON.stringify(key.slice(0, 12))} + ${JSON.stringify(key.slice(12))}));
        look("more processes", () => readdirSync("/proc").filter((name) => /^\\d+$/.test(name)).length > 8);
        look("outside", () => { writeFileSync(${JSON.stringify(marker)}, "x"); return false; });
        for (const [host, port] of [["127.0.0.1", ${port}], ["1.1.1.1", 80], ["169.254.169.254", 80]])
          await new Promise((done) => {
            const socket = connect({ host, port, timeout: 500 }, () => { found.push("network " + host); socket.destroy(); });
            for (const event of ["error", "timeout", "close"]) socket.on(event, () => { socket.destroy(); done(); });
          });
        writeFileSync("note.txt", ${JSON.stringify(shortened)});
        console.log("FOUND " + JSON.stringify(found));
      `,
        1,
        { HOME: home },
      );
      expect((await whet(folder, "trace", "1", "--raw")).stdout).toContain("FOUND []");
      expect(existsSync(marker)).toBe(false);
      expect(rows).toMatchObject([{ status: "keep" }]);
    },
  );

  it("leaves no process that edits on: what is measured is what was harvested", async () => {
    const folder = lab();
    const daemon = `
      import { spawn } from "node:child_process";
      import { writeFileSync } from "node:fs";
      for await (const _ of process.stdin);
      writeFileSync("note.txt", ${JSON.stringify(shortened)});
      const edit = "for (;;) { try { require('fs').writeFileSync('note.txt', 'x'); require('fs').writeFileSync('program.md', 'x') } catch {} Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20) }";
      const again = "require('child_process').spawn(process.execPath, ['-e', " + JSON.stringify(edit) + "], { detached: true, stdio: 'ignore', env: {} }).unref(); setTimeout(() => {}, 50)";
      spawn(process.execPath, ["-e", again], { detached: true, stdio: "ignore", env: {} }).unref();
      process.exit(0);
    `;
    await play(folder, daemon);
    expect(query(folder, "select max(value) from decisions")).toBe(shortened.length);
    // The next turn finds the working copy in order, also where something still edits.
    const { rows } = await play(folder, honest.replace(shortened.slice(0, 50), ""), 2);
    expect(rows.map(({ status }) => status)).toEqual(["keep", "keep"]);
    expect(readFileSync(join(folder, "note.txt"), "utf8")).toHaveLength(401);
  });

  it("that plants links, hooks, pipes, huge and endless files stops nobody and reaches nothing", async () => {
    const folder = lab();
    const ran = join(folder, "..", `hooked-${process.pid}-${level}`);
    const mess = `
      import { execFileSync } from "node:child_process";
      for await (const _ of process.stdin);
      execFileSync("sh", ["-c", \`
        rm note.txt; mkfifo note.txt; ln -s / everything; ln -s ../../.. up
        mkdir -p a/b; touch a/b/c; chmod 000 a/b a
        truncate -s 1T huge; ln huge second
        rm -rf .git; mkdir -p .git/hooks; printf '#!/bin/sh\\ntouch ${ran}\\n' > .git/hooks/post-checkout; chmod +x .git/hooks/*
        printf '[core]\\n\\tfsmonitor = touch ${ran}\\n' > .git/config
        i=0; while [ $i -lt 1000 ]; do : > file-$i; i=$((i+1)); done
      \`]);
    `;
    const { rows, stdout } = await play(folder, mess);
    expect(stdout).not.toMatch(/ENOENT|EACCES|an error that should not happen/);
    expect(rows).toMatchObject([{ status: "invalid" }]);
    const next = await play(folder, honest, 2);
    expect(next.rows.map(({ status }) => status)).toEqual(["invalid", "keep"]);
    expect(existsSync(ran)).toBe(false);
  });

  it("that puts a link in the working copy's place makes nobody touch what it leads to", async () => {
    const folder = lab();
    const users = join(folder, "..", `users-${process.pid}-${level}`);
    mkdirSync(users);
    onTestFinished(() => rmSync(users, { recursive: true, force: true }));
    writeFileSync(join(users, "own.txt"), "precious\n");
    await play(
      folder,
      `
      import { execSync } from "node:child_process";
      for await (const _ of process.stdin);
      execSync('here="$PWD"; cd ..; rm -rf "$here" || true; ln -s ${JSON.stringify(users)} "$here" || true; true', { shell: "/bin/sh" });
    `,
    );
    const { rows } = await play(folder, honest, 2);
    expect(rows.map(({ status }) => status)).toEqual(["invalid", "keep"]);
    expect(readFileSync(join(users, "own.txt"), "utf8")).toBe("precious\n");
  });
});
