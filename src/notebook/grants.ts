import type { Contract, ModelGrant, Network } from "../contract/index.ts";

/** Something that the contract lets a run or the scorer have, and what it opens. */
export interface Grant {
  /** What is granted and to whom: `model: anthropic/claude-x for the scorer`. */
  grant: string;
  /** What it opens, and what keeps it in bounds; a part of a sentence. */
  opens: string;
}

/**
 * Everything that the contract grants beyond the tree, the system's programs and the run's own output, in the order in
 * which it is printed. It follows from the contract alone, so that old sessions tell theirs as well.
 */
export function grantsOf(contract: Contract): Grant[] {
  return [
    ...inputs(contract),
    ...variables(contract),
    ...secrets(contract),
    ...contract.models.map(model),
    ...networks(contract),
    ...gpus(contract),
    ...caches(contract),
    ...tree(contract),
    ...image(contract),
  ];
}

function inputs({ inputs: all }: Contract): Grant[] {
  const outside = all.filter((path) => /^[~/]/.test(path));
  if (outside.length === 0) return [];
  return [
    {
      grant: `inputs: ${outside.join(", ")}`,
      opens: "files outside the lab, read-only, pinned by their content",
    },
  ];
}

function variables({ env, envFile }: Contract): Grant[] {
  const found: Grant[] = [];
  const taken = env.filter(({ value }) => value === null).map(({ name }) => name);
  const written = env.flatMap(({ name, value }) => (value === null ? [] : [`${name}=${value}`]));
  if (taken.length > 0)
    found.push({
      grant: `env: ${taken.join(", ")}`,
      opens:
        "values of your environment, for the run, its checks and the scorer; no secrets: they are pinned",
    });
  if (written.length > 0)
    found.push({ grant: `env: ${written.join(", ")}`, opens: "values that the contract says" });
  if (envFile !== undefined)
    found.push({
      grant: `envFile: ${envFile}`,
      opens: "the variables of this file; the file itself is hidden",
    });
  return found;
}

function secrets({ secrets: all }: Contract): Grant[] {
  const named = (to: "score" | "run") => all.filter((each) => each.to === to).map(({ name }) => name);
  const [scorer, run] = [named("score"), named("run")];
  return [
    ...(scorer.length === 0
      ? []
      : [{ grant: `secrets: ${scorer.join(", ")} for the scorer`, opens: "values that nothing records" }]),
    ...(run.length === 0
      ? []
      : [
          {
            grant: `secrets: ${run.join(", ")} for the run`,
            opens: "every candidate can read these values, and use them where it may connect to",
          },
        ]),
  ];
}

function model(grant: ModelGrant): Grant {
  const { session } = grant;
  const most = (limits: { calls?: number; tokens?: number; money?: number }) => [
    ...(limits.calls === undefined ? [] : [`${limits.calls} calls`]),
    ...(limits.tokens === undefined ? [] : [`${limits.tokens} tokens`]),
    ...(limits.money === undefined ? [] : [`$${limits.money}`]),
  ];
  const bounds = [
    ...(most(grant).length === 0 ? [] : [`${most(grant).join(" and ")} for one evaluation at most`]),
    ...(most(session).length === 0 ? [] : [`${most(session).join(" and ")} for the session at most`]),
  ];
  return {
    grant: `model: ${grant.model}${grant.url === undefined ? "" : ` at ${grant.url}`} for the ${grant.to === "run" ? "run" : "scorer"}`,
    opens: [
      "key held by Whetstone",
      ...(grant.temperature === undefined ? [] : [`temperature ${grant.temperature}`]),
      ...(bounds.length === 0 ? ["no limit of calls, tokens or money"] : bounds),
      ...(grant.cache ? ["cached: both arms of a pair get the same answers"] : []),
      ...(grant.to === "run" ? ["whatever a candidate asks reaches the provider"] : []),
    ].join(", "),
  };
}

function networks({ budget, stages, setup, checks, score }: Contract): Grant[] {
  const all: [who: string, network: Network | undefined][] = [
    ["the run", budget.network],
    ...stages.map(({ name, budget: own }): [string, Network | undefined] => [`rung ${name}`, own?.network]),
    ["the setup", setup?.network],
    ...checks.map(({ command, network }): [string, Network] => [`the check \`${command}\``, network]),
    ["the scorer", score?.network],
  ];
  return all.flatMap(([who, network]) => {
    if (network === undefined || network === false) return [];
    if (network === true)
      return [{ grant: `network for ${who}`, opens: "every host, this machine's own ports included" }];
    return [
      {
        grant: `network: ${network.join(", ")} for ${who}`,
        opens: "these hosts alone, through a proxy of Whetstone's; what is sent to them is not looked at",
      },
    ];
  });
}

function gpus({ budget, stages }: Contract): Grant[] {
  const all = [budget.gpus, ...stages.map((stage) => stage.budget?.gpus)].filter(
    (each) => each !== undefined,
  );
  const [most] = all.toSorted((a, b) => b.count - a.count);
  if (most === undefined) return [];
  return [
    {
      grant: `gpus: ${most.count}${most.kind === undefined ? "" : ` (${most.kind})`}`,
      opens: "the driver of the GPU, which is shared, and memory of the GPU that Whetstone does not wipe",
    },
  ];
}

function caches({ caches: all }: Contract): Grant[] {
  return all.map(({ env, shared }) => ({
    grant: `cache: ${env}${shared ? ", shared" : ""}`,
    opens: shared
      ? "a folder that all states write and read: a candidate can leave something to the next one"
      : "a folder that outlives the run, one for each state",
  }));
}

function tree({ tree: kind, write, image: container }: Contract): Grant[] {
  const thrownAway = "what is written anywhere else in the tree is refused or thrown away";
  if (kind === "overlay")
    return [{ grant: "tree: overlay", opens: `the tree, for each command on its own; ${thrownAway}` }];
  if (write.length === 0) return [];
  return [
    {
      grant: `write: ${write.join(", ")}`,
      opens:
        container === undefined
          ? `folders that the run may write, remove and make again; ${thrownAway}`
          : "folders that the run may write, and empty, but not remove; what is written anywhere else is refused",
    },
  ];
}

function image({ image: name }: Contract): Grant[] {
  if (name === undefined) return [];
  return [
    {
      grant: `image: ${name}`,
      opens:
        "what this image holds, for the run, its checks and what answers; the engine of containers, which starts them",
    },
  ];
}
