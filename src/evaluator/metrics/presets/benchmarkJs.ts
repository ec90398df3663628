import { type Figure, printed } from "./figure.ts";

const line = /^(.+?) x ([\d,.]+) ops\/sec ±([\d.]+)%/;

/** The lines that `String(event.target)` gives: `name x 1,234 ops/sec ±0.5% (92 runs sampled)`. */
export function benchmarkJs(text: string): Figure[] {
  return text.split("\n").flatMap((each) => {
    const [, name, hz, margin] = line.exec(each.trim()) ?? [];
    if (name === undefined) return [];
    return [...printed(name, "hz", hz, "ops/s"), ...printed(name, "rme", margin, "%")];
  });
}
