import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * A process of the same user with something to lose: it stands for the harness, which has its keys in the same places,
 * and may be shot at without harm.
 */
export interface Victim {
  child: ChildProcess;
  pid: number;
  /** Its working folder, which holds the file "secret". */
  folder: string;
  /** Not secret: what an attacker looks for. */
  mark: string;
  /** Begins with the mark; in the environment, the arguments, the memory and an open file of the victim. */
  secret: string;
  end(): Promise<void>;
}

const program = `
const fs = require("node:fs");
const kept = Buffer.from(process.env.API_KEY + " in memory");
process.stdout.write("ready");
setInterval(() => kept.length, 1000);
setTimeout(() => process.exit(), 60000);
`;

export async function openVictim(): Promise<Victim> {
  const mark = `key-${randomBytes(4).toString("hex")}-`;
  const secret = mark + randomBytes(12).toString("hex");
  const folder = mkdtempSync(join(tmpdir(), "whet-victim-"));
  const file = join(folder, "secret");
  writeFileSync(file, secret, { mode: 0o600 });
  const descriptor = openSync(file, "r");
  const child = spawn(process.execPath, ["-e", program, "--", `--token=${secret}`], {
    cwd: folder,
    env: { ...process.env, API_KEY: secret },
    stdio: ["ignore", "pipe", "ignore", descriptor],
  });
  await new Promise((resolve) => child.stdout?.once("data", resolve));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  return {
    child,
    pid: child.pid as number,
    folder,
    mark,
    secret,
    async end() {
      child.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
