import { type Figure, jsonObject, listOf, numbers, printed, textOf } from "./figure.ts";

const seconds = { mean: "s", median: "s", min: "s", max: "s", stddev: "s", user: "s", system: "s" };

/** `--export-json FILE`, or what it prints. All in seconds; `of` is the command, or its `--command-name`. */
export function hyperfine(text: string): Figure[] {
  const results = listOf(jsonObject(text).results);
  if (results.length > 0)
    return results.flatMap((result) => numbers(textOf(result.command), result, seconds));
  return printedResults(text);
}

const title = /^Benchmark(?: \d+| #\d+)?: (.*)$/;
const mean = /^\s*Time \(mean ± σ\):\s+([\d.]+ \S+)\s+±\s+([\d.]+ \S+)/;
const single = /^\s*Time \(abs ≡\):\s+([\d.]+ \S+)/;
const range = /^\s*Range \(min … max\):\s+([\d.]+ \S+)\s+…\s+([\d.]+ \S+)/;

function printedResults(text: string): Figure[] {
  let of = "";
  return text.split("\n").flatMap((line) => {
    of = title.exec(line)?.[1] ?? of;
    const [, middle = single.exec(line)?.[1], deviation] = mean.exec(line) ?? [];
    const [, least, most] = range.exec(line) ?? [];
    return [
      ...printed(of, "mean", middle, "s"),
      ...printed(of, "stddev", deviation, "s"),
      ...printed(of, "min", least, "s"),
      ...printed(of, "max", most, "s"),
    ];
  });
}
