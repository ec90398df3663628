import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { takeSlot } from "../../src/sandbox/index.ts";
import type { Attack, Context } from "./attack.ts";
import { start } from "./vault.ts";

const sh = (body: string) => ({ "src/run.sh": `echo ${start} > "$OUT/guess"\n${body}\nexit 0\n` });
const node = (body: string) => ({
  "src/run.sh": `echo ${start} > "$OUT/guess"\nnode src/attack.mjs\nexit 0\n`,
  "src/attack.mjs": body,
});

const has = (command: string) => spawnSync("sh", ["-c", `command -v ${command}`]).status === 0;
const out = ({ place }: Context, name: string) => {
  const path = join(place.folder, "run", "out", name);
  return existsSync(path) ? readFileSync(path, "utf8") : "";
};

/** Processes on the host whose arguments hold the mark. */
const alive = (mark: string) =>
  execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(mark)).length;

/** It was stopped about when the budget said so, or when its own main process ended, and left nothing running. */
const lasting = (mark: string) => async (context: Context) => {
  if ((context.evaluation?.wallMs ?? 0) > 3000) return "it went on past its budget";
  // A process that is being torn down is still listed for an instant.
  for (let look = 0; look < 20 && alive(mark) > 0; look++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  return alive(mark) > 0 ? "a process of it goes on" : null;
};

const contained = (enforced: readonly string[]) =>
  enforced.some((sentence) => sentence.includes("process namespace"));

type Short = Omit<Attack, "group" | "lab"> & { lab?: string };

const list: Short[] = [
  {
    name: "is a fork bomb",
    files: sh("bomb() { bomb | bomb & }; bomb; sleep 60.81"),
    harmed: lasting("60.81"),
    expect: { L0: "detected", L2: "detected" },
  },
  {
    name: "takes memory in one process",
    files: node(
      "const held = []; for (let i = 0; i < 50; i++) held.push(Buffer.alloc(1e7, 1)); setTimeout(() => held.length, 5000);",
    ),
    expect: { L0: "detected", L2: "detected" },
  },
  {
    name: "takes memory in many processes",
    files: {
      ...node(
        "const held = []; for (let i = 0; i < 3; i++) held.push(Buffer.alloc(1e7, 1)); setTimeout(() => held.length, 5000);",
      ),
      "src/run.sh": `echo ${start} > "$OUT/guess"\nfor i in 1 2 3 4 5; do node src/attack.mjs & done\nwait\n`,
    },
    expect: { L0: "detected", L2: "detected" },
  },
  {
    name: "keeps data where neither memory nor disk is counted",
    // In files of the memory file systems: as much as it gets where they are its own, a little where they are the user's.
    files: ({ level }) =>
      sh(
        `for at in /dev/shm /tmp; do for i in $(seq ${level === "L2" ? 60 : 3}); do head -c 4000000 /dev/zero > $at/whet-attack-$i || break; done; done 2>/dev/null
sleep 1
cat /dev/shm/whet-attack-* /tmp/whet-attack-* | wc -c > "$OUT/kept"`,
      ),
    harmed: (context) => {
      const kept = Number(out(context, "kept"));
      const most = context.level === "L2" ? 2 ** 27 : 0;
      return kept > most ? `it kept ${kept} bytes` : null;
    },
    cleanup: () => {
      for (const at of ["/dev/shm", "/tmp"])
        for (let i = 1; i <= 3; i++) rmSync(`${at}/whet-attack-${i}`, { force: true });
    },
    expect: { L0: "not covered", L2: "detected" },
    admits: /reading and writing the user's files/,
  },
  {
    name: "fills the disk with many files",
    files: sh('for i in $(seq 40); do head -c 100000 /dev/zero > "$OUT/f$i"; done; sleep 5'),
    expect: { L0: "detected", L2: "detected" },
  },
  {
    name: "fills the disk and is gone before anybody looks",
    files: sh('for i in 1 2 3; do head -c 3000000 /dev/zero > "$OUT/f$i"; done'),
    expect: { L0: "detected", L2: "detected" },
  },
  {
    name: "fills the disk with names alone",
    files: sh('mkdir "$OUT/many"; cd "$OUT/many"; seq -f name%g 5000 | xargs touch'),
    expect: { L0: "detected", L2: "detected" },
  },
  {
    name: "floods its output",
    files: sh("yes"),
    expect: { L0: "detected", L2: "detected" },
  },
  {
    name: "prints one line that does not end",
    files: sh("head -c 20000000 /dev/zero | tr '\\0' x"),
    expect: { L0: "detected", L2: "detected" },
  },
  {
    name: "leaves a process that holds the pipes",
    files: sh("sleep 60.82 &"),
    harmed: lasting("60.82"),
    expect: { L0: "blocked", L2: "blocked" },
  },
  {
    name: "leaves a daemon: own session, forked twice, signals ignored, environment wiped",
    files: sh(
      "(trap '' TERM INT HUP; setsid env -i sh -c 'sleep 60.83 & sleep 60.83' >/dev/null 2>&1 &) ; sleep 0.05",
    ),
    harmed: lasting("60.83"),
    possible: ({ enforced }) => contained(enforced),
    expect: { L0: "blocked", L2: "blocked" },
  },
  {
    name: "sleeps past its budget and ignores every signal that can be",
    files: sh("trap '' TERM INT HUP QUIT USR1; setsid sleep 60.84 & while :; do sleep 60.84; done"),
    harmed: lasting("60.84"),
    expect: { L0: "detected", L2: "detected" },
  },
  {
    name: "opens files without end, its limits raised first",
    files: node(`import { openSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
spawnSync("prlimit", ["--pid", String(process.pid), "--nofile=20000:20000", "--fsize=unlimited:unlimited"]);
let open = 0;
try { for (; open < 6000; open++) openSync("/dev/null"); } catch {}
writeFileSync(process.env.OUT + "/opened", String(open));
`),
    harmed: (context) => {
      const opened = Number(out(context, "opened"));
      return opened > 4096 ? `it opened ${opened} files at once` : null;
    },
    expect: { L0: "blocked", L2: "blocked" },
  },
  {
    name: "takes more processors than its budget grants",
    lab: "oneProcessor",
    possible: () => availableParallelism() > 1 && has("taskset"),
    files: sh(
      'taskset -cp 0-63 $$ >/dev/null 2>&1; for i in 1 2 3; do timeout 1.5 sh -c "while :; do :; done" & done; wait; echo done > "$OUT/all"',
    ),
    harmed: (context) =>
      out(context, "all") !== "" && context.evaluation?.failure === null
        ? "it used three processors and its result counts"
        : null,
    expect: { L0: "detected", L2: "detected" },
  },
  {
    name: "keeps every processor busy in a sibling's run beside a timed one",
    lab: "clocked",
    files: {},
    harmed: async (context) => {
      const folder = mkdtempSync(join(tmpdir(), "whet-slot-"));
      const timed = await takeSlot("exclusive", { folder });
      let siblingRan = false;
      const sibling = takeSlot("shared", { folder }).then((slot) => {
        siblingRan = true;
        slot?.release();
      });
      await context.evaluate({});
      const beside = siblingRan;
      timed?.release();
      await sibling;
      rmSync(folder, { recursive: true, force: true });
      return beside ? "the sibling ran beside the timed run" : null;
    },
    expect: { L0: "blocked", L2: "blocked" },
  },
  {
    name: "keeps every processor busy from outside Whetstone beside a timed run",
    lab: "clocked",
    files: {},
    harmed: async (context) => {
      const quiet = await fastest(context);
      const busy = context.sandbox.start({
        command: `for i in $(seq ${2 * availableParallelism()}); do setsid sh -c 'while :; do :; done' & done; wait`,
        ...{ tree: context.place.slot, cwd: "", mounts: [], hidden: [], env: {} },
        limits: {
          ...{
            time: 10_000,
            memory: 2 ** 28,
            processes: 1000,
            fileSize: 2 ** 20,
            disk: 2 ** 20,
            output: 2 ** 20,
          },
          network: false,
        },
      });
      const disturbed = (await context.evaluate({})).wallMs;
      busy.kill();
      await busy.done;
      return disturbed > 1.25 * quiet
        ? `the timed run took ${(disturbed / quiet).toFixed(1)} times as long`
        : null;
    },
    expect: { L0: "not covered", L2: "not covered" },
    admits: /use of shared processors/,
  },
];

/** Milliseconds of the faster of two runs of the start. */
async function fastest(context: Context): Promise<number> {
  const first = await context.evaluate({});
  const second = await context.evaluate({});
  return Math.min(first.wallMs, second.wallMs);
}

/** Attacks that take more than the budget gives. */
export const resources: readonly Attack[] = list.map((attack) => ({
  lab: "meter",
  ...attack,
  group: "resources",
}));
