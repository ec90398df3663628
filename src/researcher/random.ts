/** Uniform numbers in [0, 1) that depend on the seeds alone (Weyl sequence through the finaliser of MurmurHash3). */
export function generator(...seeds: number[]): () => number {
  let state = 0;
  for (const seed of seeds) state = mix((state ^ seed) + 0x9e3779b9);
  return () => {
    state = (state + 0x9e3779b9) | 0;
    return (mix(state) >>> 0) / 2 ** 32;
  };
}

function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Standard normal numbers (Box and Muller 1958). */
export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
