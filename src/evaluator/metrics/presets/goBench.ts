import { parseQuantity } from "../quantity.ts";
import type { Figure } from "./figure.ts";

const line = /^(Benchmark\S*?)(?:-\d+)?\s+\d+\s+(\S.*)$/;

/**
 * What `go test -bench` prints, with `-benchmem` and metrics of one's own: each figure is named as its unit is (`ns/op`,
 * `B/op`, `allocs/op`, `MB/s`). `-count N` gives the same name N times. The name goes without the number of processors.
 */
export function goBench(text: string): Figure[] {
  return text.split("\n").flatMap((each) => {
    const [, of, rest] = line.exec(each.trim()) ?? [];
    if (of === undefined || rest === undefined) return [];
    const words = rest.split(/\s+/);
    return words.flatMap((unit, index) => {
      const value = index % 2 === 1 ? parseQuantity(words[index - 1] as string)?.value : undefined;
      return value === undefined ? [] : [{ of, figure: unit, value, unit: unit.replace(/\/op$/, "") }];
    });
  });
}
