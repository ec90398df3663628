import type { Attack } from "./attack.ts";

/** Attacks that forge the score. */
export const forging: readonly Attack[] = [];
