import { incompleteBeta } from "./student.ts";

/** The x with P(X <= x) = p for X of a Beta distribution, 0 < p < 1, a and b > 0; to about 1e-12. */
export function betaQuantile(p: number, a: number, b: number): number {
  let low = 0;
  let high = 1;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (incompleteBeta(middle, a, b) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
