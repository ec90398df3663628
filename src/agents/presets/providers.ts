import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Environment, type Key, keyFor, type ProviderName, providers } from "../../relay/index.ts";

export { type Environment, type Key, keyFor, type ProviderName, providers } from "../../relay/index.ts";

/** How an agent reaches its model. */
export type Connection =
  | { kind: "keys"; keys: Key[] }
  /** The agent's own account: a credentials file of its own, shown to it as a copy. */
  | { kind: "login"; file: string /** Path below the agent's home. */; to: string; hosts: string[] }
  /** Neither is there. */
  | { kind: "none"; message: string };

/** The provider of a model written as `provider/model`; null: it names none that is known. */
export function providerOf(model: string | undefined): ProviderName | null {
  const name = model?.split("/")[0] ?? "";
  return Object.hasOwn(providers, name) ? (name as ProviderName) : null;
}

/** For agents of every provider: the one that the model names, else the first with a key. */
export function anyKey(env: Environment, model: string | undefined): Key | null {
  const named = providerOf(model);
  for (const name of named ? [named] : (Object.keys(providers) as ProviderName[])) {
    const found = keyFor(name, env);
    if (found) return found;
  }
  return null;
}

/** A connection with one key, if there is one. */
export function withKey(key: Key | null): Connection | null {
  return key && { kind: "keys", keys: [key] };
}

/** The user's home folder, or one below it. */
export function homeOf(env: Environment, ...path: string[]): string {
  return join(set(env.HOME) ? (env.HOME as string) : homedir(), ...path);
}

/** A login by its credentials file, if that is there. */
export function loginFrom(file: string, to: string, hosts: string[]): Connection | null {
  return existsSync(file) ? { kind: "login", file, to, hosts } : null;
}

function set(value: string | undefined): boolean {
  return value !== undefined && value !== "";
}
