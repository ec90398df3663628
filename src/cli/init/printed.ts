export type Direction = "minimize" | "maximize";

/**
 * The metric that a program prints (`print(f"val_loss: {x}")`, `console.log("METRIC ms=" + t)`), or null where none or
 * no particular one of several is found.
 */
export function printedMetric(source: string): string | null {
  const names = new Set<string>();
  const line =
    /(?:print|println!?|console\.log|echo|write)\s*\(?\s*[frb]?(["'`])(?:METRIC\s+)?([A-Za-z_][\w./-]{0,63})\s*[:=]\s*(?:["'`$%{]|\1)/g;
  for (const match of source.matchAll(line)) names.add(match[2] as string);
  const object =
    /(?:print\(json\.dumps\(|console\.log\(JSON\.stringify\()\s*\{\s*(?:["']?metrics["']?\s*:\s*\{\s*)?["']?([A-Za-z_][\w./-]{0,63})["']?\s*(?:[,}]|:(?!\s*[[{]))/g;
  for (const match of source.matchAll(object))
    if (!containers.test(match[1] as string)) names.add(match[1] as string);
  const all = [...names];
  if (all.length === 1) return all[0] as string;
  return (
    all.find((name) => /^(val|test|eval)_/.test(name)) ??
    all.find((name) => directionOf(name) !== null) ??
    null
  );
}

/** Properties that hold a protocol's words or further values: whatever they hold, it is no number. */
const containers =
  /^(ask|id|ready|metrics|results?|data|benchmarks?|tests|files|suites?|runs|samples|times|summary|stats|report|output|name|title|version|context|config)$/;

/** Which way a metric of this name is better, where the name says it. */
export function directionOf(name: string): Direction | null {
  const down =
    /loss|error|mistake|excess|bpb|perplexity|seconds|time|(^|_)ms$|latency|size|bytes|memory|cost|rmse|mae/i.test(
      name,
    );
  const up = /acc|score|reward|throughput|per_s|f1|auc|precision|recall|speed|ops/i.test(name);
  return down === up ? null : down ? "minimize" : "maximize";
}

/** "The lowest val_bpb" or "higher is better", where only one way is spoken of. */
export function wayOfProse(prose: string): Direction | null {
  const down = /lower is better|\blowest\b/i.test(prose);
  const up = /higher is better|\bhighest\b/i.test(prose);
  return down === up ? null : down ? "minimize" : "maximize";
}
