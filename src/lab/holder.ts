import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** This process as `<pid>:<start time>`; the start time tells it from a later process with the same number. */
export function thisProcess(): string {
  return `${process.pid}:${startTime(process.pid) ?? "?"}`;
}

/** Whether the process named by `holder` still runs. */
export function isAlive(holder: string): boolean {
  const [pid, since] = holder.split(":");
  const started = startTime(Number(pid));
  return started !== null && started === since;
}

/** The number of the process that works on a session; null when none does, whatever a killed one has left behind. */
export function workingProcess({ holder }: { holder: string | null }): number | null {
  return holder !== null && isAlive(holder) ? Number(holder.split(":")[0]) : null;
}

/** Linux: clock ticks after boot, with the boot id; elsewhere the date that `ps` prints. Null: no such process. */
function startTime(pid: number): string | null {
  if (process.platform === "linux") {
    try {
      // The name in parentheses may itself hold spaces and parentheses: count the fields after the last one.
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (fields[0] === "Z") return null;
      const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").slice(0, 8);
      return `${fields[19]}@${boot}`;
    } catch {
      return null;
    }
  }
  try {
    const started = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
    return started === "" ? null : started.replaceAll(":", ".");
  } catch {
    return null;
  }
}
