import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Contract } from "../../src/contract/index.ts";

/** Path -> text; null deletes. */
type Files = Readonly<Record<string, string | null>>;

/** The loop that many people write first: commit, run, grep the metric out of the log, compare, keep or reset. */
export interface NaiveLoop {
  best: number;
  /** Tries a candidate once; true when it was kept. */
  attempt(files: Files): Promise<boolean>;
  /** The last run's log. */
  log: string;
  close(): void;
}

/** The same lab, the same scorer and checks as ours; one seed, one run, everything into one log, no isolation. */
export async function openNaiveLoop(contract: Contract, start: Files): Promise<NaiveLoop> {
  const folder = mkdtempSync(join(tmpdir(), "naive-"));
  const aside = (name: string) => join(folder, ".git", name);
  const out = aside("out");
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=N", "-c", "user.email=n@localhost", ...args], { cwd: folder });
  const write = (files: Files) => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      if (text === null) rmSync(join(folder, path), { force: true });
      else writeFileSync(join(folder, path), text);
    }
  };
  const run = async (): Promise<number> => {
    const log: string[] = [];
    // The user's own home and temporary folder in a real loop; here the attacks shall not dirty them.
    const own = { HOME: aside("home"), TMPDIR: aside("tmp") };
    const env = { ...process.env, ...own, SEED: "1", SECRET: "secret", OUT: out, CANDIDATE: folder };
    const command = (text: string) => {
      const child = spawn("sh", ["-c", text], { cwd: folder, env, timeout: 10_000 });
      for (const stream of [child.stdout, child.stderr])
        createInterface({ input: stream }).on("line", (line) => log.push(line));
      child.stdin.on("error", () => {});
      // Its last lines come after its end; a daemon that holds the pipe is not waited for.
      const ended = new Promise<number | null>((resolve) => {
        child.once("exit", (code) => setTimeout(() => resolve(code), 20));
      });
      return { child, ended };
    };
    const began = performance.now();
    if (contract.score?.pipe) {
      const scorer = command(contract.score.command);
      await Promise.all([scorer.ended, talk(scorer.child, command(contract.run).child)]);
    } else {
      const { child, ended } = command(contract.run);
      child.stdin.end();
      const code = await ended;
      const seconds = (performance.now() - began - 20) / 1000;
      if (code !== 0) log.push("failed");
      else if (contract.score?.answer !== undefined) {
        const scorer = command(contract.score.command);
        const copies = Array.from(
          { length: contract.score.copies },
          () => command(contract.score?.answer ?? "").child,
        );
        await Promise.all([scorer.ended, talk(scorer.child, ...copies)]);
      } else if (contract.score) {
        const scorer = command(contract.score.command);
        scorer.child.stdin.end();
        await scorer.ended;
      }
      for (const check of contract.checks) {
        const checking = command(check.command);
        checking.child.stdin.end();
        if ((await checking.ended) !== 0) return Number.NaN;
      }
      // It knows one clock: its own watch.
      if (contract.metric.clock) return code === 0 ? seconds : Number.NaN;
    }
    loop.log = log.join("\n");
    return grep(loop.log, contract.metric.name);
  };
  const loop: NaiveLoop = {
    best: Number.NaN,
    log: "",
    async attempt(files) {
      write(files);
      git("add", "-A");
      git("commit", "-q", "--allow-empty", "-m", "try");
      const value = await run();
      const better = contract.metric.direction === "minimize" ? value < loop.best : value > loop.best;
      if (better) loop.best = value;
      else git("reset", "-q", "--hard", "HEAD~1");
      return better;
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
  write(start);
  git("init", "-q");
  git("add", "-A");
  git("commit", "-q", "-m", "start");
  for (const name of ["out", "home", "tmp"]) mkdirSync(aside(name));
  loop.best = await run();
  if (!Number.isFinite(loop.best)) throw new Error(`the naive loop cannot measure the start: ${loop.log}`);
  return loop;
}

type Child = ReturnType<typeof spawn>;

/** Passes each line on to the other side, as it is. Ends when one of the candidate's processes has ended. */
function talk(scorer: Child, ...copies: Child[]): Promise<unknown> {
  const lines = (child: Child, take: (line: string) => void) =>
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", take);
  lines(scorer, (line) => {
    if (line.includes('"metrics"')) for (const copy of copies) copy.stdin?.end();
    else {
      const to = /"to":\s*(\d+)/.exec(line)?.[1] ?? 0;
      copies[Number(to)]?.stdin?.write(`${line.replace("{", '{"id":"1",')}\n`);
    }
  });
  for (const copy of copies)
    lines(copy, (line) => {
      if (line.includes('"answer"')) scorer.stdin?.write(`${line}\n`);
    });
  return Promise.all(
    copies.map(
      (copy) =>
        new Promise<void>((resolve) => {
          copy.once("exit", () => {
            scorer.stdin?.end();
            resolve();
          });
        }),
    ),
  );
}

/** The last number in the log that follows the metric's name. */
function grep(log: string, name: string): number {
  const found = [...log.matchAll(new RegExp(`${name}"?\\s*[:=]\\s*([^\\s,}]+)`, "g"))].at(-1)?.[1];
  return found === undefined ? Number.NaN : Number(found.replace(/^([+-]?)inf(inity)?$/i, "$1Infinity"));
}
