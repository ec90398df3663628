import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { countPrimes } from "./primes.mjs";

const counts = [10_000, 100_000, 1_000_000, 3_000_000].map(countPrimes);
writeFileSync(join(process.env.OUT, "counts.json"), JSON.stringify(counts));
