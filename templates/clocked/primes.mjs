const SKIP_EVEN = false;
const BLOCK = 1000; // 1000 .. 1000000, numbers sieved at a time

/** How many primes are not above n: a segmented sieve. */
export function countPrimes(n) {
  const base = [];
  for (let i = 2; i * i <= n; i++) if (base.every((p) => p * p > i || i % p !== 0)) base.push(i);
  let count = 0;
  for (let low = 2; low <= n; low += BLOCK) {
    const high = Math.min(low + BLOCK - 1, n);
    const composite = new Uint8Array(BLOCK);
    for (const p of base) {
      if (SKIP_EVEN && p === 2) continue;
      let multiple = Math.max(p * p, Math.ceil(low / p) * p);
      let step = p;
      if (SKIP_EVEN) {
        if (multiple % 2 === 0) multiple += p;
        step = 2 * p;
      }
      for (; multiple <= high; multiple += step) composite[multiple - low] = 1;
    }
    for (let i = low; i <= high; i++)
      if (composite[i - low] === 0 && (!SKIP_EVEN || i === 2 || i % 2 === 1)) count++;
  }
  return count;
}
