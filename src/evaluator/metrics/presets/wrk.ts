import { type Figure, printed } from "./figure.ts";

/** wrk's own units are powers of 1024: 1.76MB is MiB. */
const binary = (text: string | undefined) => text?.replace(/([KMGT])B$/, "$1iB");

/** What wrk and wrk2 print: `requests` per second, `transfer` in bytes per second, `latency.avg` and its percentiles in milliseconds. */
export function wrk(text: string): Figure[] {
  const first = (pattern: RegExp) => pattern.exec(text)?.slice(1) ?? [];
  const [requests] = first(/^Requests\/sec:[ \t]+([\d.]+)[ \t]*$/m);
  if (requests === undefined) return [];
  const [average, deviation, most] = first(
    /^[ \t]*Latency[ \t]+([\d.]+\w+)[ \t]+([\d.]+\w+)[ \t]+([\d.]+\w+)/m,
  );
  const [transfer] = first(/^Transfer\/sec:[ \t]+([\d.]+\w+)[ \t]*$/m);
  const percentiles = [...text.matchAll(/^[ \t]+(\d+(?:\.\d+)?)%[ \t]+([\d.]+(?:us|ms|s|m|h))[ \t]*$/gm)];
  return [
    ...printed("", "requests", requests, "req/s"),
    ...printed("", "transfer", binary(transfer), "B"),
    ...printed("", "latency.avg", average, "ms"),
    ...printed("", "latency.stdev", deviation, "ms"),
    ...printed("", "latency.max", most, "ms"),
    ...percentiles.flatMap(([, share, time]) => printed("", `latency.p${Number(share)}`, time, "ms")),
  ];
}
