import type { CacheGrant, Gpus, MetricSource, ModelGrant, Secret, Variable } from "./contract.ts";
import type { Path } from "./explain.ts";
import { present } from "./present.ts";
import type { FrontMatter, SourceForm } from "./schema.ts";

/** Reports one thing that is wrong at a path of the front matter. */
type Complain = (path: Path, what: string, fix: string) => void;

/** `[NAME, {NAME: value}]`, `{NAME: value}` or `NAME` as a list; a later value replaces an earlier one. */
export function variablesOf(given: FrontMatter["env"]): Variable[] {
  if (given === undefined) return [];
  const found = new Map<string, Variable>();
  for (const each of Array.isArray(given) ? given : [given])
    if (typeof each === "string") found.set(each, { name: each, value: null });
    else for (const [name, value] of Object.entries(each)) found.set(name, { name, value: String(value) });
  return [...found.values()];
}

export function secretsOf(given: FrontMatter["secrets"]): Secret[] {
  if (given === undefined) return [];
  return (Array.isArray(given) ? given : [given]).map((each) =>
    typeof each === "string" ? { name: each, to: "score" } : { name: each.name, to: each.to ?? "score" },
  );
}

/** @param usual who may ask a model where the contract does not say. */
export function modelsOf(
  given: FrontMatter["model"],
  usual: "score" | "run",
  complain: Complain,
): ModelGrant[] {
  if (given === undefined) return [];
  const several = Array.isArray(given);
  return (several ? given : [given]).map((each, index) => {
    const form = typeof each === "string" ? { model: each } : each;
    if (!/^[^/\s]+\/\S+$/.test(form.model))
      complain(
        several ? ["model", index] : ["model"],
        `\`${form.model}\` names no provider`,
        "model: anthropic/claude-x, openai/gpt-x, google/gemini-x",
      );
    const { to = usual, session = {}, cache = false, ...rest } = form;
    return present({ ...rest, to, session: present(session), cache });
  });
}

/** The variable by which each known tool is told where its cache is. */
const cacheVariables: Record<string, string> = {
  torchinductor: "TORCHINDUCTOR_CACHE_DIR",
  triton: "TRITON_CACHE_DIR",
  numba: "NUMBA_CACHE_DIR",
  xla: "JAX_COMPILATION_CACHE_DIR",
  jax: "JAX_COMPILATION_CACHE_DIR",
  cuda: "CUDA_CACHE_PATH",
  cargo: "CARGO_TARGET_DIR",
  ccache: "CCACHE_DIR",
};

export function cachesOf(given: FrontMatter["cache"], complain: Complain): CacheGrant[] {
  if (given === undefined) return [];
  const several = Array.isArray(given);
  return (several ? given : [given]).flatMap((each, index): CacheGrant[] => {
    const form = typeof each === "string" ? { tool: each } : each;
    const env = form.env ?? (form.tool === undefined ? undefined : cacheVariables[form.tool]);
    if (env !== undefined) return [{ env, shared: form.shared ?? false }];
    complain(
      several ? ["cache", index] : ["cache"],
      "the cache names neither a tool nor a variable",
      "cache: [triton, {env: MY_CACHE_DIR}]",
    );
    return [];
  });
}

/** @param size reads a size, and complains when it is none. */
export function gpusOf(
  given: NonNullable<Exclude<FrontMatter["budget"], string | number | undefined>["gpus"]>,
  path: Path,
  size: (value: unknown, path: Path, fallback: number) => number,
): Gpus {
  if (typeof given === "number") return { count: given };
  const gpus: Gpus = { count: given.count ?? 1 };
  if (given.memory !== undefined) gpus.memory = size(given.memory, [...path, "memory"], 0);
  if (given.kind !== undefined) gpus.kind = given.kind;
  return gpus;
}

/** Where a tool leaves a metric; undefined where nothing is said. */
export function sourceOf(given: SourceForm | undefined): MetricSource | undefined {
  if (given === undefined) return undefined;
  if (typeof given === "string") return { kind: "preset", preset: given };
  const path = (value: string | undefined) => (value === undefined || value === "-" ? {} : { path: value });
  if ("preset" in given)
    return {
      kind: "preset",
      preset: given.preset,
      ...path(given.path),
      ...(given.at === undefined ? {} : { at: given.at }),
    };
  if ("json" in given) return { kind: "json", ...path(given.json), at: given.at };
  if ("csv" in given)
    return { kind: "csv", ...path(given.csv), column: given.column, row: String(given.row ?? "last") };
  if ("tsv" in given)
    return { kind: "tsv", ...path(given.tsv), column: given.column, row: String(given.row ?? "last") };
  if ("regex" in given) return { kind: "regex", ...path(given.path), pattern: given.regex };
  return { kind: "junit", ...path(given.junit), at: given.at ?? "time" };
}
