import type { Preset, Reader } from "./preset.ts";
import { type Key, keyFor, type ProviderName, providers } from "./providers.ts";

/**
 * Any command line that edits files in its working folder and gets the prompt on its standard input. Its output is
 * text; whether it did well, its exit code tells.
 *
 * @param names variables that it is given. A provider's key among them stays outside: it gets a token and, in the
 * usual variables, the address at which that token is good, unless it may reach the provider's host itself.
 * @param hosts hosts that it may reach.
 */
export function plain(command: string, names: readonly string[], hosts: readonly string[]): Preset {
  return {
    name: "command",
    program: { shell: command },
    reports: { tokens: false, dollars: false },

    connect(env) {
      const bases = Object.values(providers).flatMap((provider) => provider.bases);
      const given = Object.fromEntries(
        Object.entries(env).filter(([name]) => names.includes(name) || bases.includes(name)),
      );
      const keys = (Object.keys(providers) as ProviderName[])
        .filter((name) => providers[name].keys.some((key) => names.includes(key)))
        .map((name) => keyFor(name, given))
        .filter(
          (key): key is Key => key !== null && !hosts.includes("*") && !hosts.includes(key.base.hostname),
        );
      return { kind: "keys", keys };
    },

    plan: ({ providers: reached }) => ({
      args: [],
      env: Object.fromEntries(
        reached.flatMap(({ name, base, token, variable }) => [
          [variable, token],
          ...providers[name].bases.map((each) => [each, base]),
        ]),
      ),
      files: {},
    }),

    reader: readPlain,
  };
}

/** The last lines that it printed. */
function readPlain(): Reader {
  const enough = 32_768;
  let text = "";
  return {
    read(line) {
      text += `${line.slice(-enough)}\n`;
      if (text.length > 4 * enough) text = text.slice(-enough);
      return [];
    },
    end(at) {
      text = text.slice(-enough).trim();
      return text === "" ? [] : [{ at, type: "message", role: "assistant", text }];
    },
    get text() {
      return text;
    },
    sign: null,
  };
}
