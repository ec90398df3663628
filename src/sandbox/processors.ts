import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { UserError } from "../errors.ts";
import type { Limits } from "./sandbox.ts";

/** The numbers of the processors that this process, and so its runs, may use. */
export function allowedProcessors(): number[] {
  try {
    const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1];
    if (list !== undefined) return expand(list);
  } catch {
    // No Linux.
  }
  return Array.from({ length: availableParallelism() }, (_, number) => number);
}

/** The processors that a budget gives to a run: all, the first so many, or those it names. */
export function chosenProcessors(cpus: Limits["cpus"], allowed: readonly number[]): readonly number[] {
  if (cpus === undefined) return allowed;
  return typeof cpus === "number" ? allowed.slice(0, cpus) : cpus.list;
}

/** @throws UserError when a budget names processors that runs cannot have on this machine. */
export function requireProcessors(cpus: Limits["cpus"], allowed = allowedProcessors()): void {
  if (typeof cpus !== "object") return;
  const missing = cpus.list.filter((number) => !allowed.includes(number));
  if (missing.length > 0)
    throw new UserError(
      `\`cpus: "${cpus.list.join(",")}"\` names processors that are not to be had here: ${missing.join(", ")}`,
      `choose among ${shorten(allowed)}, or write how many: cpus: ${Math.min(cpus.list.length, allowed.length)}`,
    );
}

/** `0-3,8` as numbers. */
function expand(list: string): number[] {
  return list.split(",").flatMap((part) => {
    const [first = 0, last = first] = part.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** Numbers in ascending order as `0-3,8`. */
function shorten(numbers: readonly number[]): string {
  const spans: [number, number][] = [];
  for (const number of numbers) {
    const open = spans.at(-1);
    if (open && open[1] === number - 1) open[1] = number;
    else spans.push([number, number]);
  }
  return spans.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}
