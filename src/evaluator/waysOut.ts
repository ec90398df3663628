import type { Contract } from "../contract/index.ts";
import { RunFailed } from "../errors.ts";
import type { EvaluationRelays, Used, Way } from "../relay/index.ts";
import { type Order, type Outcome, requireDoors, type Sandbox } from "../sandbox/index.ts";
import type { Evaluation } from "./evaluation.ts";

/** Thrown when a limit of the whole session was met within a run: no candidate is to blame, and nothing is recorded. */
export class SessionSpent extends RunFailed {
  constructor(words: string) {
    super(words, "raise the limit in program.md and begin a new session: `whet run --fresh`");
  }
}

/** What an order was granted is part of it, and ends with it. */
export interface Granted {
  order: Order;
  close(): Promise<void>;
}

/**
 * Gives an order its way to models and hosts, where one is granted.
 *
 * @param role tells the processes of one evaluation apart.
 */
export async function withWay(
  relays: EvaluationRelays | null,
  asker: "run" | "score" | "step",
  role: string,
  order: Order,
): Promise<Granted> {
  const way = (await relays?.open(asker, role, order.limits.network)) ?? null;
  if (way === null) return { order, close: async () => {} };
  return { order: { ...order, door: way.door, env: { ...order.env, ...way.env } }, close: () => way.close() };
}

/**
 * Waits for several ways together.
 *
 * @throws what the first failure was, once the others are closed: an open one would keep this process alive.
 */
export async function allWays(
  opening: readonly [Promise<Granted>, ...Promise<Granted>[]],
): Promise<[Granted, ...Granted[]]> {
  const settled = await Promise.allSettled(opening);
  const open = settled.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  const failed = settled.find((each) => each.status === "rejected");
  if (failed === undefined) return open as [Granted, ...Granted[]];
  await Promise.all(open.map((each) => each.close()));
  throw failed.reason;
}

/**
 * The outcome of a command that began.
 *
 * @throws RunFailed where it could not be started at all: that is a fault of the machine and no candidate's.
 */
export function begun(outcome: Outcome): Outcome {
  if (outcome.ending !== "start") return outcome;
  throw new RunFailed(
    `a command could not be started: ${outcome.message}`,
    "nothing was recorded of this run; see what the machine lacks (processes, memory, disk), then `whet run` goes on",
  );
}

/** Runs an order to its end, with its way out. */
export async function runWithWay(
  sandbox: Sandbox,
  relays: EvaluationRelays | null,
  asker: "run" | "score" | "step",
  role: string,
  order: Order,
): Promise<Outcome> {
  const granted = await withWay(relays, asker, role, order);
  try {
    return begun(await sandbox.start(granted.order).done);
  } finally {
    await granted.close();
  }
}

/**
 * The failure of an evaluation once its limits and refused hosts are known: a limit that was met is a failure even where
 * whoever asked went on without the answer, since its number would not be comparable.
 *
 * @throws SessionSpent where the limit is the session's.
 */
export function failureWithLimits(
  failure: Evaluation["failure"],
  relays: EvaluationRelays | null,
): Evaluation["failure"] {
  if (relays === null || failure?.kind === "cancelled") return failure;
  const limit = relays.limit();
  if (limit?.session) throw new SessionSpent(limit.words);
  if (limit) return { kind: "model", message: limit.words };
  const refused = Object.keys(relays.used().refused);
  if (failure === null || failure.kind === "scorer" || refused.length === 0) return failure;
  const hosts = `${refused.slice(0, 3).join(", ")}${refused.length > 3 ? ` and ${refused.length - 3} more` : ""}`;
  return { ...failure, message: `${failure.message}; it tried ${hosts}, which \`network\` does not name` };
}

/** What a person should know of providers that refused, as lines for the log. */
export function providerWords({ models }: Used): string {
  return models
    .filter(({ failed }) => failed > 0)
    .map(
      ({ model, failed, failure }) =>
        `\nmodel ${model}: ${failed} calls failed, the last one with ${failure}`,
    )
    .join("");
}

/** The way out of a step of the contract that belongs to no evaluation; null where it needs none. */
export async function stepWay(
  contract: Contract,
  sandbox: Sandbox,
  network: Order["limits"]["network"],
): Promise<Way | null> {
  if (typeof network === "boolean") return null;
  await requireDoors(sandbox);
  const { openStepWay } = await import("../relay/index.ts");
  return openStepWay(contract, sandbox.isolation.level, network);
}

/**
 * Where each granted model is, for the pins: the address may come from the user's environment.
 *
 * @throws UserError when a model's provider is unknown or its key is missing.
 */
export async function modelPins({ models }: Contract): Promise<Record<string, string>> {
  if (models.length === 0) return {};
  const { grantedModel, pinOf } = await import("../relay/index.ts");
  return Object.fromEntries(
    models.map((grant) => [`model ${grant.model}`, pinOf(grantedModel(grant, process.env))]),
  );
}
