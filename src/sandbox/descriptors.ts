import { openSync, readdirSync, readFileSync } from "node:fs";

const closeOnExec = 0o2000000;

/**
 * What to put into a child's descriptors from 3 up so that none of ours reaches it: descriptors that this process
 * itself inherited without close-on-exec would be passed on, so they are covered with /dev/null.
 *
 * @param pipes how many descriptors from 3 on are pipes to this process.
 */
export function coveredDescriptors(pipes: number): ("pipe" | "ignore" | number)[] {
  const leaks = leakingDescriptors();
  const stdio: ("pipe" | "ignore" | number)[] = Array.from({ length: pipes }, () => "pipe");
  const highest = Math.max(2 + pipes, ...leaks);
  for (let fd = 3 + pipes; fd <= highest; fd++) stdio.push(leaks.includes(fd) ? devNull() : "ignore");
  return stdio;
}

let leaking: number[] | null = null;
let nothing: number | null = null;

/** Inherited at start-up once and for all: what we open ourselves closes on exec. */
function leakingDescriptors(): number[] {
  if (leaking) return leaking;
  leaking = [];
  if (process.platform === "linux")
    for (const entry of readdirSync("/proc/self/fdinfo")) {
      const fd = Number(entry);
      if (fd < 3) continue;
      try {
        const flags = /flags:\s*([0-7]+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"));
        if (flags && (Number.parseInt(flags[1] as string, 8) & closeOnExec) === 0) leaking.push(fd);
      } catch {
        // The descriptor of the listing itself.
      }
    }
  return leaking;
}

function devNull(): number {
  nothing ??= openSync("/dev/null", "r");
  return nothing;
}
