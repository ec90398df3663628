import type { LanguageModel } from "ai";
import type { ResearcherChoice } from "../../contract/index.ts";
import { UserError } from "../../errors.ts";

export type ModelChoice = Extract<ResearcherChoice, { kind: "model" }>;

/** A model that can be asked. */
export interface ProvidedModel {
  model: LanguageModel;
  /** `provider/model`, as in the contract. */
  id: string;
  /** See {@link pricedAs}. */
  priced: string | null;
  /** The environment variable that held the key, for messages; null: there is no key. */
  keyName: string | null;
  /** What must not appear in any record. */
  secrets: string[];
}

interface Provider {
  /** Environment variables that may hold the key; the first one set counts. */
  keys: string[];
  /** Environment variable for another address than the provider's own. */
  address: string;
  /** What the address ends with in the client's terms and, by habit, not in the variable. */
  version: string;
  /** A small model of it, for when a provider is there and nobody said which model. */
  usual: string;
  create(
    name: string,
    options: { apiKey: string; baseURL?: string },
  ): Promise<Exclude<LanguageModel, string>>;
}

const providers: Record<string, Provider> = {
  anthropic: {
    keys: ["ANTHROPIC_API_KEY"],
    address: "ANTHROPIC_BASE_URL",
    version: "v1",
    usual: "claude-haiku-4-5",
    create: async (name, options) => (await import("@ai-sdk/anthropic")).createAnthropic(options)(name),
  },
  openai: {
    keys: ["OPENAI_API_KEY"],
    address: "OPENAI_BASE_URL",
    version: "v1",
    usual: "gpt-5-mini",
    create: async (name, options) => (await import("@ai-sdk/openai")).createOpenAI(options)(name),
  },
  google: {
    keys: ["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"],
    address: "GOOGLE_GEMINI_BASE_URL",
    version: "v1beta",
    usual: "gemini-2.5-flash",
    create: async (name, options) => (await import("@ai-sdk/google")).createGoogle(options)(name),
  },
};

/** `provider/model` of each provider whose key is set: a small model of it. */
export function configuredModels(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(providers)
    .filter(([, { keys }]) => keys.some((name) => env[name]?.trim()))
    .map(([name, { usual }]) => `${name}/${usual}`);
}

/** What the price table calls a model; null: it runs on a server whose prices nobody knows. */
export function pricedAs({ model, url }: Pick<ModelChoice, "model" | "url">): string | null {
  return url === undefined ? model : null;
}

/**
 * The model that a contract names, with its key out of the environment. Nothing is asked of it yet.
 *
 * @throws UserError when the provider is unknown or the key missing.
 */
export async function provideModel(
  choice: ModelChoice,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ProvidedModel> {
  const id = choice.model;
  const slash = id.indexOf("/");
  const [providerName, name] = [id.slice(0, slash), id.slice(slash + 1)];
  if (choice.url !== undefined) {
    // The usual variables' keys belong to their providers: another server gets only the key that was named for it.
    const key = choice.key === undefined ? null : keyFrom([choice.key], env, id);
    const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
    const server = createOpenAICompatible({
      name: providerName,
      baseURL: choice.url,
      includeUsage: true,
      ...(key ? { apiKey: key.value } : {}),
    });
    return {
      model: server(name),
      id,
      priced: pricedAs(choice),
      keyName: key?.name ?? null,
      secrets: key ? [key.value] : [],
    };
  }
  const provider = providers[providerName];
  if (!provider)
    throw new UserError(
      `${id}: there is no provider "${providerName}" here; there are ${Object.keys(providers).join(", ")}.`,
      "For any other server that speaks OpenAI's chat completions, give its address: --url http://127.0.0.1:11434/v1 (in a goal file `servers`, in program.md `url`).",
    );
  const key = keyFrom(choice.key === undefined ? provider.keys : [choice.key], env, id);
  const address = env[provider.address];
  const model = await provider.create(name, {
    apiKey: key.value,
    ...(address ? { baseURL: versioned(address, provider.version) } : {}),
  });
  return { model, id, priced: pricedAs(choice), keyName: key.name, secrets: [key.value] };
}

function keyFrom(
  names: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  id: string,
): { name: string; value: string } {
  for (const name of names) {
    const value = env[name]?.trim();
    if (value) return { name, value };
  }
  throw new UserError(
    `${id}: its key is missing: ${names.join(" or ")} is not set.`,
    "Set it in the environment in which Whetstone is started, or name another variable as `key`.",
  );
}

function versioned(address: string, version: string): string {
  const bare = address.replace(/\/+$/, "");
  return /\/v\d+(beta|alpha)?$/.test(bare) ? bare : `${bare}/${version}`;
}
