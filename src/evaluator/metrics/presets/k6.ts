import { type Figure, jsonObject, objectOf, printed } from "./figure.ts";

/** Metrics whose values are milliseconds. */
const isTime = (metric: string) =>
  /duration|waiting|blocked|connecting|sending|receiving|handshaking/.test(metric);

/** Milliseconds, bytes (also per second), or nothing. */
function unitOf(metric: string): string {
  if (isTime(metric)) return "ms";
  return metric.startsWith("data_") ? "B" : "";
}

/**
 * `--summary-export=FILE`, the data of `handleSummary`, or the summary that it prints. A figure is named by its metric
 * and its statistic: `http_req_duration.p(95)` (milliseconds), `http_reqs.rate` (per second), `data_received.count` (bytes).
 */
export function k6(text: string): Figure[] {
  const { metrics } = jsonObject(text);
  if (metrics === undefined) return printedSummary(text);
  return Object.entries(objectOf(metrics)).flatMap(([metric, told]) => {
    // handleSummary has the statistics one level deeper.
    const statistics = { ...objectOf(told), ...objectOf(objectOf(told).values) };
    return Object.entries(statistics).flatMap(([statistic, value]) =>
      typeof value === "number"
        ? [{ of: "", figure: `${metric}.${statistic}`, value, unit: unitOf(metric) }]
        : [],
    );
  });
}

const statistic = /(?<![a-z])([a-z]+(?:\(\d+(?:\.\d+)?\))?)=([\d.]+(?:[a-zµμ]+[\d.]+)*[a-zµμ]*)/g;
const counter = /^([\d.]+(?: [kMGT]?B)?)\s+([\d.]+(?: [kMGT]?B)?)\/s/;

/** The metric of a line and what is said of it: `✓ http_reqs......: 12 0.4/s`. */
function rowOf(line: string): { metric: string; rest: string } | null {
  const colon = line.search(/:\s+\S/);
  if (colon < 0) return null;
  let end = colon;
  while (line[end - 1] === ".") end--;
  const metric = line.slice(0, end).replace(/^\s*(?:[✓✗]\s*)?/, "");
  return /^[a-z][\w{}:. ]*$/.test(metric) ? { metric, rest: line.slice(colon + 1).trimStart() } : null;
}

function printedSummary(text: string): Figure[] {
  return text.split("\n").flatMap((each) => {
    const row = rowOf(each);
    if (row === null) return [];
    const { metric, rest } = row;
    const unit = unitOf(metric);
    const [, count, rate] = counter.exec(rest) ?? [];
    return [
      ...[...rest.matchAll(statistic)].flatMap(([, name, value]) =>
        spelled(`${metric}.${name}`, value as string, unit),
      ),
      ...printed("", `${metric}.count`, count, unit),
      ...printed("", `${metric}.rate`, rate, unit),
    ];
  });
}

/** k6 prints times as Go does: `1m2.5s`, `117.55ms`. */
function spelled(figure: string, value: string, unit: string): Figure[] {
  const parts = value.match(/[\d.]+[a-zµμ]*/g) ?? [];
  const values = parts.flatMap((part) => printed("", figure, part, unit));
  return values.length === 0
    ? []
    : [{ of: "", figure, unit, value: values.reduce((sum, part) => sum + part.value, 0) }];
}
