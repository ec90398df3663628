import { inUnit } from "../quantity.ts";
import { type Figure, jsonObject, listOf, numbers, printed, textOf } from "./figure.ts";

/**
 * `--benchmark_out=FILE --benchmark_out_format=json`, or what it prints. Times in nanoseconds, whatever unit each
 * benchmark shows. With repetitions the single runs count, and what the tool made of them (`_mean`) is left out.
 */
export function googleBenchmark(text: string): Figure[] {
  const file = jsonObject(text);
  if (file.context === undefined) return printedTable(text);
  return listOf(file.benchmarks)
    .filter((each) => each.run_type !== "aggregate" && each.error_occurred !== true)
    .flatMap((each) => {
      const of = textOf(each.run_name ?? each.name);
      const inNs = (value: unknown) =>
        typeof value === "number" ? inUnit({ value, unit: textOf(each.time_unit) || "ns" }, "ns") : undefined;
      return [
        ...numbers(
          of,
          { real_time: inNs(each.real_time), cpu_time: inNs(each.cpu_time) },
          { real_time: "ns", cpu_time: "ns" },
        ),
        ...numbers(of, each, { items_per_second: "items/s", bytes_per_second: "B" }),
      ];
    });
}

const row = /^(\S+)\s+([\d.e+-]+ (?:ns|us|ms|s))\s+([\d.e+-]+ (?:ns|us|ms|s))\s+\d+\b(.*)$/;
const aggregate = /_(?:mean|median|stddev|cv)$/;

function printedTable(text: string): Figure[] {
  return text.split("\n").flatMap((line) => {
    const [, of, real, cpu, counters = ""] = row.exec(line.trim()) ?? [];
    if (of === undefined || aggregate.test(of)) return [];
    // Bytes have binary prefixes there: 7.4Gi/s.
    const rate = (name: string) =>
      new RegExp(`\\b${name}=([\\d.]+(?:[KMGT]i|[kMGT])?)`).exec(counters)?.[1]?.replace(/i$/, "iB");
    return [
      ...printed(of, "real_time", real, "ns"),
      ...printed(of, "cpu_time", cpu, "ns"),
      ...printed(of, "items_per_second", rate("items_per_second"), "items/s"),
      ...printed(of, "bytes_per_second", rate("bytes_per_second"), "B"),
    ];
  });
}
