import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { type Limits, openSandbox } from "../index.ts";
import { processors } from "./assemble.ts";
import { seccompFilter } from "./filter.ts";
import { filtersModule } from "./module.ts";
import { always, apart, type Condition, pinned, type Refusal, results } from "./refusals.ts";

const all = [...always, ...apart, ...pinned];
const x64 = 0xc000003e;
const arm64 = 0xc00000b7;
const architectures = { x64, arm64 };

interface Call {
  number: number;
  architecture: number;
  arguments: readonly bigint[];
}

/** What the kernel would make of a call: `allow`, or the error number; the instructions that the filters use alone. */
function judged(program: Buffer, call: Call): number | "allow" {
  const data = Buffer.alloc(64);
  data.writeInt32LE(call.number | 0, 0);
  data.writeUInt32LE(call.architecture, 4);
  call.arguments.forEach((argument, index) => {
    data.writeBigUInt64LE(BigInt.asUintN(64, argument), 16 + 8 * index);
  });
  let value = 0;
  for (let at = 0; at < program.length; at += 8) {
    const [code, then, otherwise] = [program.readUInt16LE(at), program[at + 2] ?? 0, program[at + 3] ?? 0];
    const operand = program.readUInt32LE(at + 4);
    const jump = (taken: boolean) => {
      at += 8 * (taken ? then : otherwise);
    };
    if (code === 0x20) value = data.readUInt32LE(operand);
    else if (code === 0x15) jump(value === operand);
    else if (code === 0x25) jump(value > operand);
    else if (code === 0x35) jump(value >= operand);
    else if (code === 0x45) jump((value & operand) !== 0);
    else if (code === 0x06) return operand === 0x7fff0000 ? "allow" : operand - 0x00050000;
    else throw new Error(`unknown instruction ${code}`);
  }
  throw new Error("the program has no end");
}

/** Arguments under which a refusal applies, or does not. */
function argumentsFor(when: Condition | undefined, applies: boolean): bigint[] {
  const values = [0n, 0n, 0n, 0n, 0n, 0n];
  if (!when) return values;
  values[when.argument] = BigInt(valueFor(when, applies));
  return values;
}

function valueFor(when: Condition, applies: boolean): number {
  if ("anyOf" in when) return applies ? (when.anyOf.at(-1) ?? 0) : 0x7777;
  if ("noneOf" in when) return applies ? 0x7777 : (when.noneOf.at(-1) ?? 0);
  if ("above" in when) return applies ? when.above + 1 : when.above;
  return applies ? when.hasAnyBitOf & -when.hasAnyBitOf : 0;
}

describe("the filter as data", () => {
  it("is what the list of refusals compiles to", () => {
    const kept = readFileSync(join(import.meta.dirname, "filters.ts"), "utf8");
    expect(kept, "run `node src/sandbox/seccomp/compile.ts`").toBe(filtersModule());
  });

  it.each(processors)("refuses each listed call on %s, under its condition alone", (processor) => {
    const program = seccompFilter({ apart: true, pinned: true }, processor) as Buffer;
    const architecture = architectures[processor];
    for (const refusal of all) {
      const number = refusal[processor];
      if (number === null) continue;
      const call = (applies: boolean) => ({
        ...{ number, architecture },
        arguments: argumentsFor(refusal.when, applies),
      });
      expect([refusal.call, judged(program, call(true))]).toEqual([refusal.call, results[refusal.result]]);
      if (refusal.when) expect([refusal.call, judged(program, call(false))]).toEqual([refusal.call, "allow"]);
    }
  });

  it("refuses locks and other processors only where that is asked for", () => {
    const program = seccompFilter({ apart: false, pinned: false }, "x64") as Buffer;
    for (const { x64: number, when } of [...apart, ...pinned])
      expect(
        judged(program, { number: number ?? 0, architecture: x64, arguments: argumentsFor(when, true) }),
      ).toBe("allow");
  });

  it("refuses the calls of other interfaces: i386, x32, another processor", () => {
    const program = seccompFilter({ apart: true, pinned: true }, "x64") as Buffer;
    const call = { number: 0, architecture: x64, arguments: [] };
    expect(judged(program, call)).toBe("allow");
    expect(judged(program, { ...call, architecture: 0x40000003 })).toBe(results.ENOSYS);
    expect(judged(program, { ...call, architecture: arm64 })).toBe(results.ENOSYS);
    expect(judged(program, { ...call, number: 0x40000000 })).toBe(results.ENOSYS);
  });

  it("looks at both halves of a size, and lets every other call through whatever its arguments", () => {
    const program = seccompFilter({ apart: true, pinned: true }, "x64") as Buffer;
    expect(
      judged(program, { number: 29, architecture: x64, arguments: [0n, 2n ** 32n, 0n, 0n, 0n, 0n] }),
    ).toBe(results.ENOSPC);
    const listed = new Set(all.map((refusal) => refusal.x64));
    const argument = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(
        fc.nat(600).filter((number) => !listed.has(number)),
        fc.array(argument, { minLength: 6, maxLength: 6 }),
        (number, values) => judged(program, { number, architecture: x64, arguments: values }) === "allow",
      ),
    );
  });

  it("is not there for a processor that it was not made for", () => {
    expect(seccompFilter({ apart: false, pinned: false }, "riscv64")).toBeNull();
  });
});

const sandbox = await openSandbox();
const filtered = sandbox.isolation.enforced.some((sentence) => sentence.includes("seccomp filter"));
const limits: Limits = {
  time: 120_000,
  memory: 3 * 2 ** 30,
  processes: 400,
  fileSize: 2 ** 30,
  disk: 2 ** 30,
  output: 2 ** 20,
  network: false,
};

function has(command: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${command}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe.runIf(filtered)("inside the sandbox", () => {
  // What these programs look for besides /usr, whatever the sandbox itself shows of it.
  const surroundings = [
    ...readdirSync("/etc")
      .filter((name) => /^(java|chromium|fonts)/.test(name))
      .map((name) => join("/etc", name)),
    join(homedir(), ".rustup"),
  ]
    .filter((host) => existsSync(host))
    .map((host) => ({ host, at: { path: host }, writable: false }));
  const tree = mkdtempSync(join(tmpdir(), "whet-seccomp-"));
  const out = mkdtempSync(join(tmpdir(), "whet-seccomp-out-"));
  afterAll(() => {
    for (const folder of [tree, out]) rmSync(folder, { recursive: true, force: true });
  });
  const run = (command: string | readonly string[], more: { apart?: boolean; cpus?: number } = {}) =>
    sandbox.start({
      ...{ command, tree, cwd: "", hidden: [] },
      env: { RUSTUP_HOME: join(homedir(), ".rustup") },
      mounts: [{ host: out, at: { env: "OUT" }, writable: true }, ...surroundings],
      apart: more.apart ?? false,
      limits: { ...limits, ...(more.cpus === undefined ? {} : { cpus: more.cpus }) },
    }).done;

  it.runIf(has("perl"))("refuses each call of the list by its number", async () => {
    const processor = process.arch === "arm64" ? "arm64" : "x64";
    const possible = all.filter(
      (refusal): refusal is Refusal & { [p in typeof processor]: number } => refusal[processor] !== null,
    );
    const lines = possible.map((refusal) => {
      const values = argumentsFor(refusal.when, true);
      return `$! = 0; $r = syscall(${[refusal[processor], ...values].join(", ")}); print "$r ", $! + 0, "\\n";`;
    });
    writeFileSync(join(tree, "calls.pl"), `$| = 1;\n${lines.join("\n")}\n`);
    const outcome = await run("perl calls.pl", { apart: true, cpus: 1 });
    expect(outcome.stderr).toBe("");
    const said = outcome.stdout.trim().split("\n");
    expect(possible.map((refusal, index) => `${refusal.call}: ${said[index]}`)).toEqual(
      possible.map(({ call, result }) => `${call}: ${result === "done" ? "0 0" : `-1 ${results[result]}`}`),
    );
  });

  it.runIf(has("perl"))(
    "lets locks keep processes of one run apart, unless it is to know of nobody",
    async () => {
      const script = `open(F, "<", "calls.pl"); flock(F, 2) or die; open(G, "<", "calls.pl");
print flock(G, 6) ? "granted" : "held";`;
      writeFileSync(join(tree, "lock.pl"), script);
      writeFileSync(join(tree, "calls.pl"), "");
      expect((await run("perl lock.pl")).stdout).toBe("held");
      expect((await run("perl lock.pl", { apart: true })).stdout).toBe("granted");
    },
  );

  it.runIf(has("taskset"))("keeps a run on the processors of its budget", async () => {
    const outcome = await run(
      "taskset -cp 0-63 $$ >/dev/null 2>&1; grep Cpus_allowed_list /proc/self/status | cut -f2; nproc",
      { cpus: 1 },
    );
    const [list, count] = outcome.stdout.trim().split("\n");
    expect([list?.includes("-"), list?.includes(","), count]).toEqual([false, false, "1"]);
  });

  const python = `
import fcntl, mmap, multiprocessing, os, sqlite3, subprocess, tempfile, threading
from multiprocessing import shared_memory
big = mmap.mmap(-1, 64 << 20); big.madvise(mmap.MADV_HUGEPAGE) if hasattr(mmap, "MADV_HUGEPAGE") else None
big[:] = b"x" * len(big); big.madvise(mmap.MADV_DONTNEED)
held = os.memfd_create("weights"); os.ftruncate(held, 1 << 20); mmap.mmap(held, 1 << 20)[0:4] = b"data"
shared = shared_memory.SharedMemory(create=True, size=1 << 20); shared.buf[0] = 7; shared.close(); shared.unlink()
def work(n): return n * n
with multiprocessing.get_context("fork").Pool(2) as pool: assert pool.map(work, range(4)) == [0, 1, 4, 9]
with open(os.environ["OUT"] + "/lock", "w") as file: fcntl.lockf(file, fcntl.LOCK_EX); fcntl.flock(file, fcntl.LOCK_EX)
os.posix_fadvise(os.open("/usr/bin/env", os.O_RDONLY), 0, 0, os.POSIX_FADV_SEQUENTIAL)
database = sqlite3.connect(os.environ["OUT"] + "/p.db"); database.execute("pragma journal_mode = wal")
database.execute("create table t(x)"); database.execute("insert into t values (1)"); database.commit(); database.close()
thread = threading.Thread(target=work, args=(3,)); thread.start(); thread.join()
assert subprocess.run(["true"]).returncode == 0
print("fine")`;
  const node = `
const { Worker } = require("node:worker_threads"), { execFileSync } = require("node:child_process"), fs = require("node:fs");
execFileSync("true"); fs.writeFileSync(process.env.OUT + "/n", "x"); fs.readFileSync(process.env.OUT + "/n");
const memory = new SharedArrayBuffer(8);
new Worker("const { workerData } = require('node:worker_threads'); Atomics.store(new Int32Array(workerData), 0, 5)", { eval: true, workerData: memory })
  .on("exit", () => console.log(new Int32Array(memory)[0] === 5 ? "fine" : "no"));`;
  const programs: [name: string, command: string, needs: string[]][] = [
    ["Python with mappings, memfd, shared memory, a pool, locks and SQLite", "python3 work.py", ["python3"]],
    ["Node with workers and children", "node work.cjs", ["node"]],
    [
      "sqlite3",
      'sqlite3 $OUT/s.db "pragma journal_mode = wal; create table t(x); insert into t values (1);" >/dev/null && sqlite3 $OUT/s.db "insert into t values (2);" && echo fine',
      ["sqlite3"],
    ],
    [
      "git",
      "cd $OUT && git init -q g && cd g && echo x > f && git add f && git -c user.name=T -c user.email=t@l commit -qm one && git gc -q && git fsck && echo fine",
      ["git"],
    ],
    ["make with parallel jobs", "make -s -j4 -f jobs.mk && echo fine", ["make"]],
    ["gcc and threads", "gcc -O1 -pthread -o $OUT/threads threads.c && $OUT/threads", ["gcc"]],
    ["a JVM", "java -Xmx256m Work.java", ["javac"]],
    ["cargo", "cp -r crate $OUT/crate && cd $OUT/crate && cargo -q run --offline", ["cargo"]],
    [
      "Chromium without its own sandbox",
      "chromium --headless --no-sandbox --disable-gpu --user-data-dir=$OUT/profile --dump-dom 'data:text/html,<p>fi<script>document.write(\"ne\")</script>' | grep -o 'ne</p>' | sed 's/.*/fine/'",
      ["chromium"],
    ],
  ];
  writeFileSync(join(tree, "work.py"), python);
  writeFileSync(join(tree, "work.cjs"), node);
  writeFileSync(join(tree, "jobs.mk"), "all: a b c\na b c:\n\t@true\n.PHONY: all a b c\n");
  writeFileSync(
    join(tree, "threads.c"),
    `#include <pthread.h>
#include <stdio.h>
static void *work(void *x) { return x; }
int main(void) { pthread_t t[8]; for (int i = 0; i < 8; i++) pthread_create(&t[i], 0, work, 0);
for (int i = 0; i < 8; i++) pthread_join(t[i], 0); puts("fine"); return 0; }
`,
  );
  writeFileSync(
    join(tree, "Work.java"),
    `import java.nio.channels.*; import java.nio.file.*; import java.util.stream.*;
class Work { public static void main(String[] a) throws Exception {
  try (var c = FileChannel.open(Path.of(System.getenv("OUT"), "j"), StandardOpenOption.CREATE, StandardOpenOption.WRITE); var l = c.lock()) { }
  if (IntStream.range(0, 100000).parallel().sum() != 704982704) throw new Error(); System.out.println("fine"); } }
`,
  );
  execFileSync("mkdir", ["-p", join(tree, "crate", "src")]);
  writeFileSync(
    join(tree, "crate", "Cargo.toml"),
    '[package]\nname = "crate"\nversion = "0.1.0"\nedition = "2021"\n',
  );
  writeFileSync(join(tree, "crate", "src", "main.rs"), 'fn main() { println!("fine"); }\n');

  describe.each([
    ["as every run", false],
    ["apart from others", true],
  ])("runs, %s,", (_name, apartFromOthers) => {
    for (const [name, command, needs] of programs)
      it.runIf(needs.every(has))(name, async () => {
        execFileSync("sh", ["-c", 'rm -rf "$1"/*', "sh", out]);
        const outcome = await run(command, { apart: apartFromOthers });
        expect(`${outcome.message}\n${outcome.stdout}${outcome.stderr}`).toMatch(/^\nfine\n/);
      });
  });
});
