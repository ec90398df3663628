import type { Outcome } from "../../sandbox/index.ts";
import { handedOn, openLaunchpad } from "../launch.ts";
import { presets } from "../presets/index.ts";
import { plain } from "../presets/plain.ts";
import type { Preset } from "../presets/preset.ts";
import { locate } from "../program.ts";
import type { Launcher } from "./commandAgent.ts";

/** An agent's command line to be started, with a folder to work in. */
interface CommandOrder {
  command: string;
  /** Host path of the folder that it may write. */
  folder: string;
  cwd: string;
  linked?: readonly string[];
  /** Names of environment variables that are handed on. */
  env: readonly string[];
  /** Hosts besides its model's that it may reach. */
  hosts: readonly string[];
  /** Milliseconds; then the whole process tree is gone. */
  time: number;
  onLine: (line: string, stream: "stdout" | "stderr") => void;
}

/** A started agent that is spoken to while it runs. */
interface Conversation {
  /** Where the agent sees the folder. */
  seen: string;
  write(line: string): void;
  closeStdin(): void;
  kill(): void;
  readonly done: Promise<Outcome>;
  enforced: string[];
  notEnforced: string[];
}

/**
 * Starts command lines that are spoken to over their standard streams, like command agents otherwise: in the sandbox,
 * with a home of their own, keys kept outside. Agents that are known get the same configuration as with their preset.
 *
 * @returns a function that throws Error with what is missing, when the agent has no key.
 */
export function commandLauncher({
  sandbox,
  env,
  onNotice,
}: Launcher): (order: CommandOrder) => Promise<Conversation> {
  return async (order) => {
    const preset = knownIn(order.command) ?? plain(order.command, order.env, order.hosts);
    const connection = preset.connect(env, undefined);
    if (connection.kind === "none") throw new Error(`${preset.name} has no key: ${connection.message}`);
    const found = locate({ shell: order.command }, env);
    if ("missing" in found) throw new Error(found.missing);
    const pad = await openLaunchpad(sandbox, {
      ...{ connection, hosts: order.hosts, readable: found.readable, turn: order },
    });
    const closePad = async () => {
      const notice = await pad.close();
      if (notice !== null) onNotice?.(notice);
    };
    try {
      const plan = preset.plan({
        ...{ providers: pad.providers, home: pad.home, model: undefined, confined: pad.confined },
        ...{ dollars: undefined, mcp: undefined },
      });
      const running = pad.start({
        argv: found.argv,
        env: { ...handedOn(order.env, env), ...plan.env },
        files: plan.files,
        onLine: order.onLine,
      });
      const done = running.done.then(async (outcome) => {
        await closePad();
        return outcome;
      });
      const { enforced, notEnforced } = pad;
      return { ...running, seen: pad.folder, done, enforced, notEnforced };
    } catch (error) {
      await closePad();
      throw error;
    }
  };
}

/** The preset of an agent by the program that a command line begins with; adapters count as what they adapt. */
function knownIn(command: string): Preset | null {
  const program = command.trim().split(/\s+/)[0]?.split("/").at(-1) ?? "";
  const names: Record<string, Preset> = {
    ...presets,
    "codex-acp": presets.codex,
    "claude-agent-acp": presets.claude,
    "claude-code-acp": presets.claude,
  };
  return names[program] ?? null;
}
