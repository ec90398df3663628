import { finest } from "./signFlips.ts";

/** The shares sum to 1 over all edits there may ever be: 1 + 1/4 + 1/9 + ... = pi^2 / 6. */
const share = 6 / Math.PI ** 2;

/**
 * The error probability that the k-th edit may take which the same goals judge: alpha * 6 / (pi^2 k^2). However many edits
 * are tried, one that does nothing is kept with a probability of at most alpha altogether (Bonferroni's inequality, in
 * unequal parts).
 *
 * @param edit from 1.
 */
export function alphaOfEdit(alpha: number, edit: number): number {
  return (alpha * share) / edit ** 2;
}

/** How many edits so many goals can judge: for a later one even a gain on every goal could not be told from chance. */
export function mostEdits(alpha: number, goals: number): number {
  return Math.floor(Math.sqrt(alpha * share * finest(goals)) + 1e-9);
}
