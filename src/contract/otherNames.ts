const experiments = "session: {experiments";

/**
 * Keys that other tools have for what is said otherwise here, without case and dashes -> what to write, given the front
 * matter as it was read.
 */
export const otherNames: ReadonlyMap<string, (matter: unknown) => string> = new Map(
  (
    [
      [["timeout", "timelimit", "maxtime", "evaltimeout", "runtime"], "budget", "5m"],
      [["memorylimit", "maxmemory"], "budget: {memory", "4GB}"],
      [
        ["iterations", "maxiterations", "maxiters", "steps", "maxsteps", "numiterations"],
        experiments,
        "100}",
      ],
      [["generations", "numgenerations", "trials", "maxtrials", "budgetiterations"], experiments, "100}"],
      [["maxexperiments", "experiments", "rounds"], experiments, "100}"],
      [["maxcost", "costlimit", "maxbudget", "dollars"], "session: {money", "5}"],
      [["maxhours", "duration", "deadline"], "session: {time", "8h}"],
      [
        ["files", "editable", "target", "targetfile", "initialprogram", "source", "filesinscope", "scope"],
        "change",
        "[FILE]",
      ],
      [["command", "cmd", "script", "eval", "evalcommand", "benchmark"], "run", "COMMAND"],
      [["evaluator", "evaluationfile", "judge", "verifier", "scorer"], "score", "COMMAND"],
      [["objective", "optimize", "metricname", "primarymetric"], "metric", "NAME"],
      [["model", "llm", "agent", "agentcommand"], "researcher", '"claude", or "model: provider/name"'],
      [["tests", "test", "constraints", "backpressure"], "checks", "[COMMAND]"],
      [["description", "title", "task"], "goal", "one line that says what the lab is for"],
    ] as [string[], string, string][]
  ).flatMap(([names, key, example]) =>
    names.map((name): [string, (matter: unknown) => string] => [
      name,
      (matter) => written(matter, name, key, example),
    ]),
  ),
);

/** The value that was given under the other key, where it is one that ours takes; else an example. */
function written(matter: unknown, name: string, key: string, example: string): string {
  const entry = Object.entries((matter ?? {}) as Record<string, unknown>).find(
    ([given]) => given.toLowerCase().replace(/[-_]/g, "") === name,
  );
  const value = key === "budget" && typeof entry?.[1] === "number" ? `${entry[1]}s` : entry?.[1];
  const counted = key === experiments || key.endsWith("{money");
  const simple =
    typeof value === "number" || (!counted && typeof value === "string" && /^[\w./ -]{1,60}$/.test(value));
  const closing = example.endsWith("}") ? "}" : "";
  return `${key}: ${simple ? `${value}${closing}` : example}`;
}
