import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The plainest sieve there is: this is what the quick one must agree with. */
function countPrimes(n) {
  const composite = new Uint8Array(n + 1);
  let count = 0;
  for (let i = 2; i <= n; i++) {
    if (composite[i]) continue;
    count++;
    for (let multiple = i * i; multiple <= n; multiple += i) composite[multiple] = 1;
  }
  return count;
}

const right = [10_000, 1_000_000, 5_000_000].map((limit) =>
  countPrimes(limit + (Number(process.env.SEED ?? 0) % 1000)),
);
const counts = JSON.parse(readFileSync(join(process.env.OUT, "counts.json"), "utf8"));
if (JSON.stringify(counts) !== JSON.stringify(right)) {
  console.error(`expected ${right.join(", ")}, got ${JSON.stringify(counts)}`);
  process.exit(1);
}
