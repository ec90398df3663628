import { filters } from "./filters.ts";

/** What a filter refuses besides what it always refuses; see refusals.ts. */
export interface FilterParts {
  apart: boolean;
  pinned: boolean;
}

/**
 * The program that bubblewrap hands to the kernel (`--seccomp`), in the byte order of both processors; null where there
 * is none for this processor.
 */
export function seccompFilter(parts: FilterParts, processor: string = process.arch): Buffer | null {
  if (!isKnown(processor)) return null;
  const { head, always, apart, pinned, end } = filters[processor];
  const chosen = [head, always, parts.apart ? apart : "", parts.pinned ? pinned : "", end];
  return Buffer.concat(chosen.map((part) => Buffer.from(part, "base64")));
}

function isKnown(processor: string): processor is keyof typeof filters {
  return Object.hasOwn(filters, processor);
}
