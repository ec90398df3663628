import type { Attack } from "./attack.ts";

/** Attacks that reach for what a candidate must not see or touch. */
export const reach: readonly Attack[] = [];
