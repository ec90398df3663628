import { createHash } from "node:crypto";
import { changedSince, type Stamp, type StampOptions } from "../repo/index.ts";
import { strayLinks } from "./inputs/links.ts";
import { look, type Pinned } from "./inputs/pin.ts";

/** A folder in which everything is as it was laid out: its times and numbers alone are looked at. */
export interface Stamped {
  name: string;
  folder: string;
  stamp: Stamp;
  options?: StampOptions;
}

/** What must stay as it is while a session runs. */
export interface Pins {
  /** Folder of everything that Whetstone laid out itself. */
  folder: string;
  /** What was pinned, by name: hashes. */
  pins: Record<string, string>;
  stamps: Stamped[];
  /** Inputs and outputs of the setup. */
  pinned: Pinned[];
  /** Whether runs can write what is pinned: a file that was touched then counts as changed, whatever it holds. */
  isOpen: boolean;
}

/**
 * What a run without isolation may have touched within its reach: the pinned base and the setup's outputs. Inputs such
 * as node_modules are too large to look through after every run; `changedPins` does that before a win counts.
 */
export async function touchedPins(place: Pins): Promise<string[]> {
  const near = place.pinned.filter(({ host }) => host.startsWith(`${place.folder}/`));
  return changedPins({ ...place, pinned: near });
}

/**
 * What judges and has changed on disk since it was pinned, with the first files; empty when all is as it was. Caches
 * that other programs write beside an input are no change; no later run is shown them.
 */
export async function changedPins({ stamps, pinned, isOpen }: Pins): Promise<string[]> {
  const changed: string[] = [];
  for (const { name, folder, stamp, options } of stamps) {
    const paths = (await changedSince(stamp, folder, options)).map((path) => path || ".");
    if (paths.length > 0) changed.push(named(name, paths));
  }
  for (const each of pinned) {
    const { changed: paths } = await look(each, { strict: isOpen });
    if (paths.length > 0) changed.push(named(each.name, paths));
  }
  return changed;
}

/** `input data: a.bin, b.bin and 3 more`; a single file has no more to say than its name. */
export function named(name: string, paths: readonly string[]): string {
  if (paths.length === 0 || (paths.length === 1 && paths[0] === "")) return name;
  const more = paths.length > 3 ? ` and ${paths.length - 3} more` : "";
  return `${name}: ${paths.slice(0, 3).join(", ")}${more}`;
}

/** Under this name the caches that a session saw at its beginning are recorded; they are no part of the yardstick. */
export const cachesPin = "caches";

/** One hash over all pins. */
export function pinHash(pins: Record<string, string>): string {
  const judging = Object.entries(pins).filter(([name]) => name !== cachesPin);
  return createHash("sha256")
    .update(JSON.stringify(judging.sort(([a], [b]) => (a < b ? -1 : 1))))
    .digest("hex");
}

/** The pins that are not the same, by name, with the first files where they are known. */
export function differingPins(before: Record<string, string>, now: Pins): string[] {
  return Object.keys({ ...before, ...now.pins })
    .filter((name) => name !== cachesPin && before[name] !== now.pins[name])
    .map((name) => {
      const input = now.pinned.find((each) => each.name === name);
      if (input && before[name] !== undefined && !(cachesPin in before))
        return `${name} (an earlier version of Whetstone pinned it, by size and time where it was large)`;
      return named(name, input?.changed && input.changed.from === before[name] ? input.changed.paths : []);
    });
}

/** How much was pinned by its content, and how much of it had to be read for that at this start. */
export interface PinnedInputs {
  bytes: number;
  files: number;
  readBytes: number;
  readFiles: number;
  /** Links that lead to nothing that a run is shown, a sentence for each input. */
  stray: string[];
}

/** Null where there are no inputs. @param root the repository's root. */
export function pinnedInputs({ pinned }: Pins, root: string): PinnedInputs | null {
  if (pinned.length === 0) return null;
  const sum = (figure: (each: Pinned) => number) => pinned.reduce((total, each) => total + figure(each), 0);
  return {
    bytes: sum(({ survey }) => survey.bytes),
    files: sum(({ survey }) => survey.content.size),
    readBytes: sum(({ read }) => read.bytes),
    readFiles: sum(({ read }) => read.files),
    stray: strayLinks(pinned, root),
  };
}
