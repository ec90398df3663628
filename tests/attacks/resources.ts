import type { Attack } from "./attack.ts";

/** Attacks that take more than the budget gives. */
export const resources: readonly Attack[] = [];
