import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { coveredDescriptors } from "./descriptors.ts";
import { diskUse } from "./disk.ts";
import { watchGpus } from "./gpu/index.ts";
import { type GroupPlace, openGroup } from "./groups.ts";
import { holdStill } from "./hold.ts";
import { openLooks } from "./looks.ts";
import { neighboursBetween, readCounters } from "./neighbours.ts";
import { openOutput } from "./output.ts";
import { openPipe } from "./pipes.ts";
import { sweep, type TreeSample } from "./processes.ts";
import { allowedProcessors, chosenProcessors } from "./processors.ts";
import type { Ending, Order, Outcome, Running } from "./sandbox.ts";
import { openTally } from "./tally.ts";
import { hasOwnTerminal, inTerminal, terminalVariables } from "./terminal.ts";

/** What a level makes of an order: the command line to start, with its whole environment. */
export interface Launch {
  argv: string[];
  env: Record<string, string>;
  cwd: string;
  /** What the launcher reads from descriptors 4, 5, ...: nothing of it can be seen in its arguments. */
  handed?: readonly (string | Buffer)[];
  /** True when the launcher's process namespace takes every process with it. */
  contained: boolean;
  /** True when that namespace has a /proc of its own that no process of it can change. */
  ownProc: boolean;
  /** Where file systems in memory of the run's own lie: /tmp, its home and /dev/shm. */
  inMemory: readonly string[];
  /** Host paths that it may write besides the order's own. */
  writable?: readonly string[];
  /** What runs, where that is not below the launcher's process. */
  sample?: () => TreeSample | null;
  /** Whether the command itself began, where the launcher may fail with an exit code like any other. */
  hasBegun?: () => boolean;
  /** Ends what the end of the launcher's processes does not end. Called only where that may be anything. */
  end?: () => Promise<void>;
  cleanUp: () => void;
}

/** The first descriptor of `Launch.handed`. */
export const firstHanded = 4;

export interface Machine {
  pageSize: number;
  groups: GroupPlace | null;
}

/** Milliseconds of processor time that starting and counting may add. */
const cpuSlack = 150;

/**
 * Wraps a command so that a shell outside the sandbox waits for it and says the CPU time of everything waited for on
 * descriptor 3, which the command itself does not get.
 */
export function timed(argv: readonly string[]): string[] {
  return ["sh", "-c", '"$@" 3>&-; code=$?; times >&3; exit $code', "sh", ...argv];
}

/** Starts an order and watches over it until nothing of it is left. */
export function run(launch: Launch, order: Order, machine: Machine): Running {
  const { limits } = order;
  const marker = `WHET_RUN=${randomBytes(9).toString("hex")}`;
  const allowed = allowedProcessors();
  const processors = chosenProcessors(limits.cpus, allowed);
  const before = readCounters(processors);
  const gpuWatch = order.gpus ? watchGpus(order.gpus) : null;
  const startedAt = performance.now();
  let ending: Ending | null = null;
  let message = "";
  let peakBytes = 0;
  let sampledCpuMs = 0;
  const stdout = openOutput(
    order.onLine && ((line) => order.onLine?.(line, "stdout")),
    order.lineLimit ?? 65_536,
  );
  const stderr = openOutput(
    order.onLine && ((line) => order.onLine?.(line, "stderr")),
    order.lineLimit ?? 65_536,
  );
  const timers = new Set<NodeJS.Timeout>();
  const writable = order.mounts.filter((mount) => mount.writable).map((mount) => mount.host);
  if (order.overlay) writable.push(order.overlay.upper);
  writable.push(...(launch.writable ?? []));
  const lasting = order.mounts.filter((mount) => mount.writable && mount.lasting).map((mount) => mount.host);
  const heldBefore = lasting.length === 0 ? 0 : diskUse(lasting, Number.POSITIVE_INFINITY);

  // To be moved into a group takes some milliseconds: only what needs an exact count is.
  const group = order.weighMemory && machine.groups ? openGroup(machine.groups, beyond(limits.memory)) : null;
  if (order.weighMemory && machine.groups && !group) {
    gpuWatch?.end();
    launch.cleanUp();
    return failedStart(new Error(`no control group can be made in ${machine.groups.parent}`));
  }
  const tally = openTally(group, launch.inMemory, writable);
  const looks = openLooks(machine.pageSize, launch.ownProc);
  const grouped = group
    ? ["sh", "-c", 'echo 0 > "$0" && exec "$@"', group.entrance, ...launch.argv]
    : launch.argv;
  const ownTerminal = hasOwnTerminal(order);
  const argv = ownTerminal ? inTerminal(grouped) : grouped;

  let child: ChildProcess;
  const pipes = order.stdin === "ours" ? ourStreams : openStreams(order.stdin === "pipe");
  try {
    child = spawn(argv[0] as string, argv.slice(1), {
      cwd: launch.cwd,
      env: {
        ...launch.env,
        ...(ownTerminal ? terminalVariables() : {}),
        [marker.split("=")[0] as string]: marker.split("=")[1],
      },
      // What passes the terminal on has to stay in the group that the person's shell has put in front.
      detached: !ownTerminal,
      stdio: [...pipes.theirs, ...coveredDescriptors(1 + (launch.handed?.length ?? 0))],
    });
    pipes.started();
    launch.handed?.forEach((content, index) => {
      const pipe = child.stdio[firstHanded + index] as Writable | null;
      // A launcher that could not be started reads nothing, and says so by its ending.
      pipe?.on("error", () => {});
      pipe?.end(content);
    });
  } catch (error) {
    pipes.abandon();
    gpuWatch?.end();
    launch.cleanUp();
    group?.remove();
    return failedStart(error as Error);
  }
  const streams = {
    stdin: pipes.stdin ?? child.stdin,
    stdout: pipes.stdout ?? child.stdout,
    stderr: pipes.stderr ?? child.stderr,
  };

  const killGroup = () => {
    if (child.pid === undefined) return;
    try {
      // What passes the terminal on puts it back as it was, and takes the rest with it.
      if (ownTerminal) endGently(child);
      else process.kill(-child.pid, "SIGKILL");
    } catch {
      // The group is gone already.
    }
  };
  let ended: Promise<void> | undefined;
  const end = (kind: Ending, why: string) => {
    if (ending !== null) return;
    ending = kind;
    message = why;
    killGroup();
    ended ??= launch.end?.();
    if (!launch.contained) sweep(marker);
  };

  const done = new Promise<Outcome>((resolve) => {
    let times = "";
    const take = (stream: Readable | null, output: typeof stdout) =>
      stream?.on("data", (chunk: Buffer) => {
        output.push(chunk);
        if (stdout.bytes + stderr.bytes > limits.output)
          end("output", `it printed more than ${bytes(limits.output)}, the most that the budget allows`);
      });
    take(streams.stdout, stdout);
    take(streams.stderr, stderr);
    const timesPipe = child.stdio[3] as Readable | null;
    timesPipe?.on("data", (chunk: Buffer) => {
      if (times.length < 1000) times += chunk.toString();
    });
    timesPipe?.on("error", () => {});
    for (const stream of Object.values(streams)) stream?.on("error", () => {});

    child.once("error", (error) => {
      end("start", `it could not be started: ${error.message}`);
      settle(null, null);
    });
    child.once("exit", (code, signal) => settle(code, signal));

    let settled = false;
    const settle = (code: number | null, signal: NodeJS.Signals | null) => {
      if (settled) return;
      settled = true;
      const wallMs = performance.now() - startedAt;
      const after = readCounters(processors);
      for (const timer of timers) clearTimeout(timer);
      looks.end();
      order.signal?.removeEventListener("abort", onAbort);
      // Whatever the main process left behind goes with it; then the pipes can only be drained.
      killGroup();
      if (!launch.contained) sweep(marker);
      let open = 0;
      const finish = async () => {
        for (const stream of [...Object.values(streams), timesPipe]) stream?.destroy();
        stdout.end();
        stderr.end();
        const failedToBegin = launch.hasBegun?.() === false;
        if (failedToBegin)
          end(
            "start",
            `it could not be started: ${lastLine(stderr.text()) || verdict(code, signal).message}`,
          );
        // Otherwise the launcher ended after its command, of which nothing is left then.
        else if (signal !== null || launcherFailed(code)) ended ??= launch.end?.();
        await ended;
        launch.cleanUp();
        if (group?.overrun())
          end(
            "memory",
            `it needed far more memory than the ${bytes(limits.memory)} of the budget, so the kernel ended it`,
          );
        group?.remove();
        // What was written quickly was never looked at.
        await checkDisk();
        checkProcessors(Math.max(childTime(times), sampledCpuMs), wallMs);
        const how = verdict(code, signal);
        // The kernel keeps a container to its memory, and says to nobody that it did.
        if (launch.sample && how.signal === "SIGKILL")
          how.message += `: most often it needed more than the ${bytes(limits.memory)} of memory that the budget allows`;
        // Bubblewrap ends without waiting for its namespace, whose time is then known from samples only.
        const cpuMs = Math.max(childTime(times), sampledCpuMs);
        resolve({
          ending: ending ?? how.ending,
          exitCode: how.exitCode,
          signal: how.signal,
          wallMs,
          cpuMs,
          peakBytes,
          gpuPeakBytes: gpuWatch?.end() ?? null,
          stdout: stdout.text(),
          stderr: stderr.text(),
          stdoutCut: stdout.cut,
          machine: neighboursBetween(before, after, processors, allowed.length, cpuMs),
          message: ending ? message : how.message,
        });
      };
      // A survivor may hold a pipe open for ever: wait for the end of the data, but not long.
      const deadline = setTimeout(() => void finish(), 250);
      const closed = () => {
        if (--open === 0) {
          clearTimeout(deadline);
          void finish();
        }
      };
      for (const stream of [streams.stdout, streams.stderr, timesPipe]) {
        if (!stream || stream.readableEnded || stream.destroyed) continue;
        open++;
        stream.once("close", closed);
      }
      if (open === 0) {
        open = 1;
        closed();
      }
    };
  });

  const onAbort = () => end("cancelled", "it was cancelled");
  if (order.signal?.aborted) onAbort();
  else order.signal?.addEventListener("abort", onAbort, { once: true });

  later(
    () => end("timeout", `it ran into the time limit of ${seconds(limits.time)}`),
    Math.min(limits.time, 2 ** 31 - 1),
  );
  watch();
  watchDisk();
  return {
    write: (line) => {
      if (streams.stdin?.writable) streams.stdin.write(`${line}\n`);
    },
    closeStdin: () => streams.stdin?.end(),
    kill: () => end("cancelled", "it was ended"),
    hold: async () => (child.pid === undefined || !launch.contained ? null : holdStill(child.pid)),
    done,
  };

  /** Does something after so many milliseconds, unless the command has ended by then. */
  function later(work: () => void, ms: number): void {
    const timer = setTimeout(() => {
      // Whoever looks again and again for days would fill the set.
      timers.delete(timer);
      work();
    }, ms);
    timers.add(timer);
  }

  /** Memory and number of processes by polling; each poll may take a tenth of the time at most. */
  function watch(): void {
    const look = () => {
      if (ending !== null || child.exitCode !== null || child.pid === undefined) return;
      const before = performance.now();
      const sample = launch.sample ? launch.sample() : looks.look(child.pid);
      if (sample === null) return;
      const used = tally.memory(sample);
      peakBytes = Math.max(peakBytes, used);
      sampledCpuMs = Math.max(sampledCpuMs, sample.cpuMs);
      if (used > limits.memory)
        return end("memory", `it used ${bytes(used)} of memory, the budget allows ${bytes(limits.memory)}`);
      if (sample.processes > limits.processes)
        return end(
          "processes",
          `it had ${sample.processes} processes, the budget allows ${limits.processes}`,
        );
      checkProcessors(sampledCpuMs, before - startedAt);
      later(look, Math.max(25, 10 * (performance.now() - before)));
    };
    later(look, 20);
  }

  /** A run may undo its affinity, but not the time that it took: so many processors give no more. */
  function checkProcessors(cpuMs: number, wallMs: number): void {
    if (limits.cpus === undefined || ending !== null) return;
    if (cpuMs > 1.05 * processors.length * wallMs + cpuSlack)
      end(
        "cpus",
        `it used ${(cpuMs / wallMs).toFixed(1)} processors at a time, the budget allows ${processors.length}`,
      );
  }

  function watchDisk(): void {
    if (writable.length === 0) return;
    const look = async () => {
      const before = performance.now();
      await checkDisk();
      if (ending !== null || child.exitCode !== null || child.signalCode !== null) return;
      later(() => void look(), Math.max(200, 10 * (performance.now() - before)));
    };
    later(() => void look(), 200);
  }

  async function checkDisk(): Promise<void> {
    if (ending !== null || writable.length === 0) return;
    const before = await heldBefore;
    const used = (await diskUse(writable, limits.disk + before)) - before + tally.namelessDisk();
    if (used > limits.disk) end("disk", `it wrote ${bytes(used)}, the budget allows ${bytes(limits.disk)}`);
  }
}

/** For a child that has the streams of this process, of which nothing is read here. */
const ourStreams = {
  theirs: ["inherit", "inherit", "inherit"] as const,
  ...{ stdin: null, stdout: null, stderr: null },
  started: () => {},
  abandon: () => {},
};

/** The three standard streams of a child: pipes where they can be had, else what Node makes. */
function openStreams(feeds: boolean) {
  const [stdin, stdout, stderr] = [feeds ? openPipe("write") : null, openPipe("read"), openPipe("read")];
  const all = [stdin, stdout, stderr].filter((pipe) => pipe !== null);
  let open = true;
  const started = () => {
    if (open) for (const { theirs } of all) closeSync(theirs);
    open = false;
  };
  return {
    theirs: [
      feeds ? (stdin?.theirs ?? ("pipe" as const)) : ("ignore" as const),
      ...[stdout, stderr].map((pipe) => pipe?.theirs ?? ("pipe" as const)),
    ],
    stdin: stdin?.stream ?? null,
    stdout: stdout?.stream ?? null,
    stderr: stderr?.stream ?? null,
    /** The child has its ends; ours would keep the pipes open for ever. */
    started,
    abandon: () => {
      started();
      for (const { stream } of all) stream.destroy();
    },
  };
}

/** Milliseconds after which a process that was asked to end is ended. */
const grace = 1000;

function endGently(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), grace);
  child.once("exit", () => clearTimeout(timer));
}

/** Where the kernel itself steps in when a run grows faster than it is looked at; the budget is judged by looking. */
function beyond(memory: number): number {
  return 1.25 * memory + 2 ** 26;
}

function failedStart(error: Error): Running {
  const outcome: Outcome = {
    ending: "start",
    exitCode: null,
    signal: null,
    wallMs: 0,
    cpuMs: 0,
    peakBytes: 0,
    gpuPeakBytes: null,
    stdout: "",
    stderr: "",
    stdoutCut: false,
    machine: null,
    message: `it could not be started: ${error.message}`,
  };
  return { write() {}, closeStdin() {}, kill() {}, hold: async () => null, done: Promise.resolve(outcome) };
}

/** Exit codes with which podman and docker say that they failed themselves; a command may end with them too. */
function launcherFailed(code: number | null): boolean {
  return code !== null && code >= 125 && code <= 127;
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.trim() ?? "";
}

/** The outer shell reports a death by signal N as exit code 128 + N. */
function verdict(code: number | null, signal: NodeJS.Signals | null) {
  if (signal) return { ending: "signal" as const, exitCode: null, signal, message: killedBy(signal) };
  if (code === 0) return { ending: "ok" as const, exitCode: 0, signal: null, message: "" };
  const name = signalNames[(code ?? 0) - 128];
  if (name) return { ending: "signal" as const, exitCode: code, signal: name, message: killedBy(name) };
  return {
    ending: "exit" as const,
    exitCode: code,
    signal: null,
    message: `it ended with exit code ${code}`,
  };
}

/** A bus error nearly always means that a file in memory could not grow any more. */
function killedBy(signal: NodeJS.Signals): string {
  const why =
    signal === "SIGBUS" ? ": most often /dev/shm was full, which is as large as the memory budget" : "";
  return `it was killed by ${signal}${why}`;
}

const signalNames: Record<number, NodeJS.Signals> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  13: "SIGPIPE",
  15: "SIGTERM",
  24: "SIGXCPU",
  25: "SIGXFSZ",
  31: "SIGSYS",
};

/** The second line of the shell's `times`: user and system time of its children, `0m1.23s 0m0.04s`. */
function childTime(times: string): number {
  const [, children = ""] = times.trim().split("\n");
  let total = 0;
  for (const [, minutes, secs] of children.matchAll(/(\d+)m([\d.,]+)s/g))
    total += Number(minutes) * 60_000 + Number((secs as string).replace(",", ".")) * 1000;
  return total;
}

function bytes(value: number): string {
  return value >= 2 ** 30 ? `${(value / 2 ** 30).toFixed(1)} GB` : `${Math.round(value / 2 ** 20)} MB`;
}

function seconds(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${ms / 1000} s`;
}
