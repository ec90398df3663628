import { readFileSync } from "node:fs";

/** What else the machine did while a command ran: shares between 0 and 1. */
export interface Neighbours {
  /** Of the time of the run's processors, what the hypervisor gave to other machines. */
  steal: number;
  /** Of the time of the run's processors, what anything but the run and Whetstone itself used. */
  others: number;
  /**
   * Of the run's time, during which some process of the machine, the run's own included, waited for a processor
   * (pressure stall information, Linux 4.20); null where the kernel does not count it.
   */
  load: number | null;
}

/** Counters of the machine at one moment, milliseconds. */
export interface MachineCounters {
  at: number;
  /** Of the processors asked for, together. */
  busy: number;
  steal: number;
  /** Since the machine started, during which something waited for a processor. */
  waiting: number | null;
  /** Processor time of this process. */
  own: number;
}

/** The counters have ticks of 10 ms, and up to 25 ms of a run's own time are not known: shorter runs say nothing. */
const shortest = 250;
/** /proc counts in hundredths of a second on every Linux. */
const tick = 10;

/** Reads the machine's counters for some processors: about 0.1 ms. Null where the system does not tell them. */
export function readCounters(processors: readonly number[]): MachineCounters | null {
  if (process.platform !== "linux") return null;
  try {
    const sums = processorTimes(readFileSync("/proc/stat", "latin1"), processors);
    const { user, system } = process.cpuUsage();
    return sums && { at: performance.now(), ...sums, waiting: waitingTime(), own: (user + system) / 1000 };
  } catch {
    return null;
  }
}

/**
 * What the machine did between two moments besides the run.
 *
 * @param runMs processor time of the run itself, milliseconds.
 * @returns null for less than 250 ms, or without counters.
 */
export function neighboursBetween(
  before: MachineCounters | null,
  after: MachineCounters | null,
  processors: readonly number[],
  allowed: number,
  runMs: number,
): Neighbours | null {
  if (!before || !after || after.at - before.at < shortest) return null;
  const wall = after.at - before.at;
  const whole = wall * processors.length;
  // Whetstone's own process is not bound to the run's processors: they have had their part of it.
  const own = (after.own - before.own) * (processors.length / Math.max(processors.length, allowed));
  const share = (ms: number, of: number) => Math.round(1e4 * Math.min(1, Math.max(0, ms / of))) / 1e4;
  return {
    steal: share(after.steal - before.steal, whole),
    others: share(after.busy - before.busy - runMs - own, whole),
    load:
      before.waiting === null || after.waiting === null ? null : share(after.waiting - before.waiting, wall),
  };
}

/**
 * Busy and stolen milliseconds of some processors in /proc/stat (proc_stat(5)): user, nice, system, irq and softirq are
 * work, idle and iowait are not; guests are part of user already.
 */
export function processorTimes(
  stat: string,
  processors: readonly number[],
): { busy: number; steal: number } | null {
  const wanted = new Set(processors);
  let [busy, steal, found] = [0, 0, 0];
  for (const [, number, fields] of stat.matchAll(/^cpu(\d+) (.+)$/gm)) {
    if (!wanted.has(Number(number))) continue;
    const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, stolen = 0] = (fields as string)
      .split(" ")
      .map(Number);
    busy += user + nice + system + irq + softirq;
    steal += stolen;
    found++;
  }
  return found === 0 ? null : { busy: busy * tick, steal: steal * tick };
}

function waitingTime(): number | null {
  try {
    const total = /^some .*total=(\d+)/m.exec(readFileSync("/proc/pressure/cpu", "latin1"))?.[1];
    return total === undefined ? null : Number(total) / 1000;
  } catch {
    return null;
  }
}
