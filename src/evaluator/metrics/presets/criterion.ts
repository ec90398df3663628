import { type Figure, jsonObject, numbers, objectOf, printed } from "./figure.ts";

/** The names that estimates.json has, and ours. */
const estimates = {
  mean: "mean",
  median: "median",
  slope: "slope",
  std_dev: "stddev",
  median_abs_dev: "mad",
};

/**
 * Criterion's `target/criterion/NAME/new/estimates.json` (one file, or the folder `target/criterion`), what it prints,
 * and the `bench:` lines of `cargo bench` in libtest's form. All times are nanoseconds, as in its files.
 *
 * @param name the file's path: it holds the name of the benchmark, which the file does not.
 */
export function criterion(text: string, name: string): Figure[] {
  const file = jsonObject(text);
  const of = /^(?:.*target\/criterion\/|\/)?(.*?)\/?new\/estimates\.json$/.exec(name)?.[1] ?? "";
  const stored = Object.entries(estimates).flatMap(([key, figure]) => {
    const value = objectOf(file[key]).point_estimate;
    return numbers(of, { [figure]: value }, { [figure]: "ns" });
  });
  return stored.length > 0 ? stored : printedResults(text);
}

/** `name   time:   [low middle high]`; a long name has a line of its own. A change since last time is in per cent. */
const result = /\b(time|thrpt):\s+\[([\d.]+ \S+) ([\d.]+ \S+) ([\d.]+ \S+)\]\s*$/;
const libtest = /^test (\S+)\s+\.\.\. bench:\s+([\d,.]+) ns\/iter \(\+\/- ([\d,.]+)\)/;

function printedResults(text: string): Figure[] {
  let of = "";
  return text.split("\n").flatMap((line) => {
    const [, test, perIteration] = libtest.exec(line) ?? [];
    if (test !== undefined) return printed(test, "mean", perIteration, "ns");
    const found = result.exec(line);
    const before = line.slice(0, found?.index);
    const [, what, , middle] = found ?? [];
    if (what === undefined || /^\s+\S/.test(before)) {
      if (/^\S/.test(line)) of = line.trim();
      return [];
    }
    of = before.trim() || of;
    if (what === "time") return printed(of, "mean", `${middle}`, "ns");
    return printed(
      of,
      "throughput",
      middle?.replace(/ (K|M|G)(elem\/s)$/, "$1"),
      middle?.includes("elem") ? "elem/s" : "B/s",
    );
  });
}
