import type { ModelGrant } from "../../contract/index.ts";
import { UserError } from "../../errors.ts";
import { isPriced } from "../prices.ts";
import { type Environment, keyFor, type ProviderName, providers } from "../providers.ts";
import type { Wire } from "./requests.ts";

/** A model of the contract that can be asked: with its provider's address and key. */
export interface GrantedModel {
  grant: ModelGrant;
  /** What clients call it: without the provider. */
  name: string;
  /** Where its provider is, without a path of a wire. */
  base: URL;
  /** Null where a server of the user's own needs none. */
  key: string | null;
  /** The wires that its provider speaks. */
  wires: ReadonlySet<Wire>;
  /** Path before a wire's own, by wire. */
  prefix: (wire: Wire) => string;
  /** What the price table calls it; null: it is not there, or runs on a server whose prices nobody knows. */
  priced: string | null;
}

const openai: Wire[] = ["chat", "responses", "embeddings"];
const anthropic: Wire[] = ["messages", "count"];

/** Which wires each provider speaks, and where below its address. */
const speaks: Record<ProviderName, { wires: Wire[]; prefix: (wire: Wire) => string }> = {
  // Anthropic's own layer for clients of OpenAI lies below /v1 as well.
  anthropic: { wires: [...anthropic, "chat"], prefix: () => "/v1" },
  openai: { wires: openai, prefix: () => "" },
  google: { wires: ["chat", "embeddings"], prefix: () => "/v1beta/openai" },
  openrouter: { wires: openai, prefix: () => "" },
};

/**
 * Finds a granted model's provider and key.
 *
 * @param env the user's environment.
 * @throws UserError when the provider is unknown, the key is missing, or a limit of money has no prices to go by.
 */
export function grantedModel(grant: ModelGrant, env: Environment): GrantedModel {
  const slash = grant.model.indexOf("/");
  const [provider, name] = [grant.model.slice(0, slash), grant.model.slice(slash + 1)];
  if (grant.url !== undefined) {
    const base = new URL(grant.url);
    base.pathname = base.pathname.replace(/\/+$/, "");
    const key = grant.key === undefined ? null : named(grant.key, env, grant);
    // A server that speaks Anthropic's wire is asked below the same address.
    return {
      ...{ grant, name, base, key, priced: null },
      wires: new Set<Wire>([...openai, ...anthropic]),
      prefix: () => "",
    };
  }
  if (!Object.hasOwn(providers, provider))
    throw new UserError(
      `model: ${grant.model}: there is no provider "${provider}" here; there are ${Object.keys(providers).join(", ")}`,
      "for any other server that speaks OpenAI's wire, give its address: model: {model: local/name, url: http://127.0.0.1:11434/v1}",
    );
  const own = grant.key === undefined ? null : named(grant.key, env, grant);
  const found = keyFor(provider as ProviderName, env, grant.key === undefined ? [] : [grant.key]);
  const key = own ?? found?.key ?? null;
  if (found === null || key === null)
    throw new UserError(
      `model: ${grant.model}: its key is missing: ${providers[provider as ProviderName].keys.join(" or ")} is not set`,
      "set it in the environment in which Whetstone is started, or name another variable as `key`",
    );
  const { wires, prefix } = speaks[provider as ProviderName];
  const base = new URL(found.base);
  base.pathname = base.pathname.replace(/\/+$/, "");
  return {
    grant,
    name,
    base,
    key,
    wires: new Set(wires),
    prefix,
    priced: isPriced(grant.model) ? grant.model : null,
  };
}

function named(variable: string, env: Environment, { model }: ModelGrant): string {
  const value = env[variable]?.trim();
  if (value) return value;
  throw new UserError(
    `model: ${model}: its key is missing: ${variable} is not set`,
    `\`export ${variable}=...\` before you start whet, or name another variable as \`key\``,
  );
}

/** What of a granted model is pinned besides the contract: where it is. A key is none of it. */
export function pinOf({ base }: GrantedModel): string {
  return `${base.protocol}//${base.host}${base.pathname}`;
}
