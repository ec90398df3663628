import type { Contract, Network } from "./contract.ts";
import type { Fault, Path } from "./explain.ts";
import type { FrontMatter } from "./schema.ts";

/** What a contract with an image cannot ask for as well, each with its reason. */
export function imageFaults(contract: Contract, matter: FrontMatter): Fault[] {
  const { image } = contract;
  if (image === undefined) return [];
  const faults: Fault[] = [];
  const complain = (path: Path, what: string, fix: string) => faults.push({ path, what, fix });
  if (!isReference(image))
    complain(["image"], `\`${image}\` is no name of an image`, "image: docker.io/library/python:3.12");
  clocks(contract, complain);
  networks(contract, complain);
  if (contract.tree === "overlay")
    complain(
      ["tree"],
      "`tree: overlay` cannot be had with `image`: the layer would be mounted where no container engine sees it",
      "write: [the folders that the run writes]",
    );
  for (const [index, { to }] of contract.models.entries())
    if (to === "run")
      complain(
        Array.isArray(matter.model) ? ["model", index] : ["model"],
        "a run in an image cannot ask a model: the relay is a port of a network that the container is not in",
        "`to: score`, or leave `image` out",
      );
  if (contract.score?.evaluator?.inProcess)
    complain(
      ["score"],
      "`inProcess` would run the candidate in the scorer's process, outside of the image",
      "it without `inProcess`, or leave `image` out",
    );
  for (const name of ["inputs", "write"] as const)
    for (const [index, path] of contract[name].entries())
      if (/[,"\p{Cc}]/u.test(path))
        complain(
          Array.isArray(matter[name]) ? [name, index] : [name],
          `\`${path}\` cannot be shown to a container: podman and docker cannot be told a path with such characters`,
          "a path without commas and quotation marks",
        );
  return faults;
}

/** A name with its registry, tag and digest (OCI distribution specification); what begins with `-` would be a flag. */
function isReference(image: string): boolean {
  return image.length <= 512 && /^[a-zA-Z0-9][\w.:/@+-]*$/.test(image);
}

type Complain = (path: Path, what: string, fix: string) => void;

function clocks({ metric, guards }: Contract, complain: Complain): void {
  const all: [kind: string | undefined, path: Path][] = [
    [metric.clock?.kind, ["metric"]],
    ...guards.map(({ clock }, index): [string | undefined, Path] => [clock?.kind, ["guards", index]]),
  ];
  for (const [kind, path] of all)
    if (kind === "cpu" || kind === "memory")
      complain(
        path,
        `\`clock: ${kind}\` cannot be measured with \`image\`: the engine starts the container elsewhere, and what it used can only be looked at now and then`,
        kind === "cpu" ? "clock: wall" : "`memory` in `budget`, which the container's control group keeps",
      );
}

function networks({ budget, stages, checks }: Contract, complain: Complain): void {
  const all: [network: Network | undefined, path: Path][] = [
    [budget.network, ["budget", "network"]],
    ...stages.map(({ budget: own }, index): [Network | undefined, Path] => [
      own?.network,
      ["stages", index, "budget", "network"],
    ]),
    ...checks.map(({ network }, index): [Network | undefined, Path] => [
      network,
      ["checks", index, "network"],
    ]),
  ];
  for (const [network, path] of all)
    if (Array.isArray(network))
      complain(
        path,
        "a list of hosts cannot be had with `image`: the proxy is a port of a network that the container is not in",
        "network: true (every host), or leave `image` out",
      );
}
