import { spawnSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { look, pinInput } from "../src/evaluator/inputs/pin.ts";

/**
 * What pinning inputs by content costs: the first hash of large files, the second start, a look while a session runs, and
 * the same for very many small files. `node bench/inputs.ts [GB] [FILES]`, 2 GB and 100,000 files by default; the page
 * cache may hold what was just written.
 */

const gigabytes = Number(process.argv[2] ?? 2);
const count = Number(process.argv[3] ?? 100_000);
const work = mkdtempSync(join(process.env.BENCH_FOLDER ?? tmpdir(), "whet-bench-inputs-"));
const rows: Record<string, string | number>[] = [];

async function timed<Result>(what: string, run: () => Promise<Result>): Promise<Result> {
  const began = performance.now();
  const result = await run();
  rows.push({ what, seconds: Number(((performance.now() - began) / 1000).toFixed(2)) });
  return result;
}

async function measure(name: string, host: string): Promise<void> {
  const options = { name, host, folder: join(work, "pins") };
  await timed(`${name}: first start, everything read`, () => pinInput(options));
  const pinned = await timed(`${name}: second start`, () => pinInput(options));
  if (pinned.read.files > 0) throw new Error("something was read again");
  await timed(`${name}: a look while a session runs`, () => look(pinned, { strict: false }));
}

try {
  const large = join(work, "large");
  mkdirSync(large);
  const part = Buffer.alloc(2 ** 24);
  for (let file = 0; file < 4; file++) {
    const to = openSync(join(large, `${file}.bin`), "w");
    for (let written = 0; written < (gigabytes * 2 ** 30) / 4; written += part.length)
      writeSync(to, randomFillSync(part));
    closeSync(to);
  }
  const small = join(work, "small");
  for (let file = 0; file < count; file++) {
    const folder = join(small, String(Math.floor(file / 500)));
    if (file % 500 === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${file}.txt`), `file ${file}\n`);
  }
  spawnSync("sync");
  // Files that were written just before are read again at the next start.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  await measure(`${gigabytes} GB in 4 files`, large);
  await measure(`${count} files`, small);
  console.table(rows);
} finally {
  rmSync(work, { recursive: true, force: true });
}
