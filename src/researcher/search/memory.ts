import { hash } from "node:crypto";
import type { Briefing, PastExperiment } from "../researcher.ts";
import type { Knob, Value } from "./knob.ts";
import { findKnobs } from "./knobs.ts";

/** What a past experiment did to one knob. */
export interface PastMove {
  key: string;
  from: Value;
  to: Value;
}

/** An experiment as the search reads it. */
export interface Read {
  moves: PastMove[];
  /** Digests of the changed files, before and after. */
  texts: { file: string; before: string; after: string }[];
}

/** Texts and experiments never change, so each is read once. Forgetting costs time only. */
export interface Memory {
  knobsOf: (file: string, text: string) => Knob[];
  read: (experiment: PastExperiment) => Read;
}

const mostTexts = 64;

export function memory(): Memory {
  const experiments = new WeakMap<PastExperiment, Read>();
  const texts = new Map<string, Knob[]>();
  const knobsOf = (file: string, text: string): Knob[] => {
    const key = `${file}\n${text}`;
    const known = texts.get(key);
    if (known) return known;
    const knobs = findKnobs(file, text);
    if (texts.size >= mostTexts) texts.clear();
    texts.set(key, knobs);
    return knobs;
  };
  return {
    knobsOf,
    read(experiment) {
      const known = experiments.get(experiment);
      if (known) return known;
      const result: Read = { moves: [], texts: [] };
      for (const [file, after] of Object.entries(experiment.changes)) {
        const before = experiment.before[file] ?? null;
        result.texts.push({ file, before: digest(before), after: digest(after) });
        if (after === null || before === null) continue;
        for (const move of movesBetween(file, knobsOf(file, before), before, after)) result.moves.push(move);
      }
      experiments.set(experiment, result);
      return result;
    },
  };
}

export function keyOf(knob: Knob): string {
  return `${knob.file}#${knob.name}`;
}

/** Stands for a text, or for a file that is not there. */
export function digest(text: string | null): string {
  return text === null ? "" : hash("sha1", text, "base64");
}

function movesBetween(file: string, old: readonly Knob[], before: string, after: string): PastMove[] {
  const literals = changedLiterals(old, before, after);
  if (literals) return literals;
  const was = new Map(old.map((knob) => [knob.name, knob.value]));
  return findKnobs(file, after).flatMap((knob) => {
    const from = was.get(knob.name);
    return from === undefined || from === knob.value ? [] : [{ key: keyOf(knob), from, to: knob.value }];
  });
}

/** The moves of a text that differs in literals alone, read without parsing it; null when it is not that simple. */
function changedLiterals(old: readonly Knob[], before: string, after: string): PastMove[] | null {
  const moves: PastMove[] = [];
  let at = 0;
  let offset = 0;
  for (const knob of old) {
    const gap = before.slice(at, knob.start);
    if (!after.startsWith(gap, offset)) return null;
    offset += gap.length;
    at = knob.end;
    const follows = (literal: string) =>
      after.startsWith(literal, offset) && after[offset + literal.length] === before[knob.end];
    if (follows(knob.literal)) {
      offset += knob.literal.length;
      continue;
    }
    const to = guesses(knob, after, offset).find((value) => follows(knob.write(value)));
    if (to === undefined) return null;
    moves.push({ key: keyOf(knob), from: knob.value, to });
    offset += knob.write(to).length;
  }
  return after.slice(offset) === before.slice(at) ? moves : null;
}

const numberAt = /[+-]?[\d._]+(?:e[+-]?\d+)?/iy;

function guesses(knob: Knob, text: string, offset: number): Value[] {
  if (knob.kind === "boolean") return [!knob.value];
  if (knob.kind === "enum") return knob.choices;
  numberAt.lastIndex = offset;
  const written = numberAt.exec(text)?.[0];
  return written === undefined ? [] : [Number(written.replaceAll("_", ""))];
}

/**
 * Whether the changes lead to a state that has been measured. Past states are worked out backwards from the present
 * files; files that no experiment has touched cannot tell them apart.
 */
export function stateTest(
  briefing: Briefing,
  read: Memory["read"],
): (changes: Record<string, string | null>) => boolean {
  const present = new Map<string, string>();
  for (const experiment of briefing.history)
    for (const { file } of read(experiment).texts)
      if (!present.has(file)) present.set(file, digest(briefing.files[file] ?? null));
  const name = (files: ReadonlyMap<string, string>): string => [...files.values()].join();

  const files = new Map(present);
  const known = new Set<string>([name(files)]);
  for (const experiment of briefing.history.toReversed()) {
    const { texts } = read(experiment);
    if (experiment.decision === "keep") {
      known.add(name(files));
      for (const { file, before } of texts) files.set(file, before);
      continue;
    }
    const was = texts.map(({ file }) => files.get(file) ?? "");
    for (const { file, after } of texts) files.set(file, after);
    known.add(name(files));
    for (const [index, { file }] of texts.entries()) files.set(file, was[index] as string);
  }
  known.add(name(files));

  return (changes) => {
    const after = new Map(present);
    for (const [file, text] of Object.entries(changes)) {
      const now = digest(text);
      if (!present.has(file) && now !== digest(briefing.files[file] ?? null)) return false;
      if (present.has(file)) after.set(file, now);
    }
    return known.has(name(after));
  };
}
