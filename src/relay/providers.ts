/** The user's environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A provider's API, and what it wants to see. */
export interface Key {
  provider: ProviderName;
  /** Where the API is, as the provider's own variable would say it. */
  base: URL;
  /** Null where a server of the user's own needs none. */
  key: string | null;
  /** The variable that held it. */
  variable: string;
}

export type ProviderName = "anthropic" | "openai" | "google" | "openrouter";

export interface Provider {
  /** Variables with a key, the first that is set counts. */
  keys: readonly string[];
  /** Variables with a base address; all are set for agents that are not known. */
  bases: readonly string[];
  base: string;
  /** The version that addresses end with; null: they are without, and each agent adds it where it wants one. */
  version: string | null;
}

export const providers: Record<ProviderName, Provider> = {
  anthropic: {
    keys: ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"],
    bases: ["ANTHROPIC_BASE_URL", "ANTHROPIC_API_BASE"],
    base: "https://api.anthropic.com",
    version: null,
  },
  openai: {
    keys: ["OPENAI_API_KEY"],
    bases: ["OPENAI_BASE_URL", "OPENAI_API_BASE"],
    base: "https://api.openai.com/v1",
    version: "v1",
  },
  google: {
    keys: ["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"],
    bases: ["GOOGLE_GEMINI_BASE_URL"],
    base: "https://generativelanguage.googleapis.com",
    version: null,
  },
  openrouter: {
    keys: ["OPENROUTER_API_KEY"],
    bases: ["OPENROUTER_BASE_URL"],
    base: "https://openrouter.ai/api/v1",
    version: "v1",
  },
};

/**
 * The provider's key and address in the environment; null when neither a key nor an address of the user's own is there.
 *
 * @param more further variables with a key, looked at first.
 */
export function keyFor(name: ProviderName, env: Environment, more: readonly string[] = []): Key | null {
  const { keys, bases, base, version } = providers[name];
  const all = [...more, ...keys];
  const variable = all.find((each) => set(env[each]));
  const own = bases.map((each) => env[each]).find((each) => set(each) && URL.canParse(each as string));
  if (variable === undefined && own === undefined) return null;
  return {
    provider: name,
    base: addressed(own ?? base, version),
    key: variable === undefined ? null : (env[variable] as string),
    variable: variable ?? (keys[0] as string),
  };
}

/** People write addresses with and without the version at the end. */
function addressed(address: string, version: string | null): URL {
  const url = new URL(address);
  const path = url.pathname.replace(/\/+$/, "");
  if (version === null) url.pathname = path.replace(/\/v\d+(beta|alpha)?$/, "");
  else if (!/\/v\d+(beta|alpha)?$/.test(path)) url.pathname = `${path}/${version}`;
  return url;
}

function set(value: string | undefined): boolean {
  return value !== undefined && value !== "";
}
