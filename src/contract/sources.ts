import { posix } from "node:path";
import picomatch from "picomatch";
import { parsePath, usualFigures } from "../metricSources/index.ts";
import type { Contract, Guard, Metric, MetricSource } from "./contract.ts";
import type { Fault, Path } from "./explain.ts";

/** What is wrong with where metric and guards are read (`from`), and what should be known about it. */
export function faultsOfSources(contract: Contract): Fault[] {
  const read: [Metric | Guard, Path][] = [
    [contract.metric, ["metric", "from"]],
    ...contract.guards.map((guard, index): [Guard, Path] => [guard, ["guards", index, "from"]]),
  ];
  return read.flatMap(([each, path]) => {
    if (!each.from) return [];
    const form = faultOfForm(each.from);
    const fault =
      form ?? faultOfPlace(contract, each, each.from) ?? faultOfDirection(contract, each, each.from);
    if (fault) return [{ path, ...fault }];
    if (contract.score && each.from.path !== undefined)
      return [
        {
          path,
          what: `${each.name} is read from a file that the candidate writes: this guard is self-reported`,
          fix: "it without a file, so that it is read from the scorer's output",
          severity: "warning" as const,
        },
      ];
    return [];
  });
}

type Wrong = Omit<Fault, "path"> | null;

/** A path, row or pattern that cannot be read at all. */
function faultOfForm(source: MetricSource): Wrong {
  if (source.kind === "json" && !parsePath(source.at))
    return {
      what: `\`${source.at}\` is no path in JSON`,
      fix: 'at: results[0].mean, or at: totals["a.b"].pct',
    };
  if ((source.kind === "csv" || source.kind === "tsv") && !/^(first|last|\d+|[^=]+=.*)$/s.test(source.row))
    return {
      what: `\`${source.row}\` names no row`,
      fix: "row: last, first, a number from 0, or COLUMN=VALUE",
    };
  if (source.kind === "regex")
    try {
      new RegExp(source.pattern, "gm");
    } catch (error) {
      return {
        what: `\`${source.pattern}\` is no regular expression: ${(error as Error).message.split(": ").at(-1)}`,
        fix: "regex: 'val_loss\\s+([\\d.]+)' in single quotes, in which YAML leaves backslashes alone",
      };
    }
  return null;
}

/** A place at which nothing can be, or at which something else has the word. */
function faultOfPlace(contract: Contract, { name, clock }: Metric | Guard, { path }: MetricSource): Wrong {
  const { score, write, tree, metric } = contract;
  if (clock)
    return {
      what: `${name} is either measured by Whetstone (\`clock\`) or read (\`from\`), not both`,
      fix: "one of them",
    };
  if (score?.pipe || score?.answer !== undefined)
    return {
      what: "a scorer that talks over a pipe hands its metrics over itself: there is no output to read",
      fix: "it without `from`",
    };
  if (path === undefined) return null;
  if (score && name === metric.name)
    return {
      what: `the scorer computes ${name}, and \`from\` names a file that the candidate writes`,
      fix: 'it without a file (`json: "-"`): then it is read from the scorer\'s output; or leave out `score`',
    };
  if (path === "$OUT" || (path.startsWith("$OUT/") && !posix.normalize(path).startsWith(".."))) {
    if (!path.split("/").includes("..")) return null;
    return { what: `\`${path}\` leads out of $OUT`, fix: "$OUT/bench.json" };
  }
  if (/^([/~]|\$)/.test(path) || posix.normalize(path).startsWith(".."))
    return { what: `\`${path}\` is no path below the lab folder or $OUT`, fix: "$OUT/bench.json" };
  if (picomatch(contract.change)(posix.normalize(path)))
    return { what: `\`${path}\` is an editable file, which no run writes`, fix: "$OUT/bench.json" };
  if (tree === "overlay" || write.some((folder) => liesIn(path, folder))) return null;
  const folder = posix.dirname(posix.normalize(path));
  return {
    what: `a run cannot write \`${path}\`: it lies neither in $OUT nor in a folder of \`write\``,
    fix: folder === "." ? `$OUT/${path}, and let \`run\` write it there` : `write: [${folder}] beside it`,
  };
}

/** What a tool measures has a direction of its own: a time that is to be maximized is a mistake. */
function faultOfDirection(
  { metric }: Contract,
  { name, direction }: Metric | Guard,
  source: MetricSource,
): Wrong {
  if (source.kind !== "preset" || source.at !== undefined || name !== metric.name) return null;
  const usual = usualFigures[source.preset];
  if (usual.some((each) => each.direction === direction)) return null;
  return {
    what: `${source.preset}'s ${usual[0]?.figure} is better the ${direction === "maximize" ? "smaller" : "larger"} it is, and \`direction\` says ${direction}`,
    fix: `direction: ${usual[0]?.direction}, or at: FIGURE for another of its figures`,
  };
}

function liesIn(path: string, folder: string): boolean {
  return posix.normalize(`${path}/`).startsWith(posix.normalize(`${folder}/`));
}
