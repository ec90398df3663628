import type { Running } from "../../sandbox/index.ts";
import type { Turn } from "../agent.ts";
import type { Launcher } from "../command/commandAgent.ts";
import { forRecord, handedOn, openLaunchpad } from "../launch.ts";
import { presets } from "../presets/index.ts";
import { plain } from "../presets/plain.ts";
import type { Preset } from "../presets/preset.ts";
import { locate, programOf } from "../program.ts";
import type { ProviderAnswer } from "../relay/relay.ts";
import { viewOf } from "../shown.ts";
import type { AcpChoice } from "./choice.ts";
import type { Ended } from "./endings.ts";

/** A started agent. */
export interface Launched {
  running: Running;
  /** Where it sees the working copy. */
  seen: string;
  /** The server of tools that it may use, at the address that it sees. */
  mcp: Turn["mcp"];
  version: string | null;
  enforced: string[];
  notEnforced: string[];
  /** Takes its home and its relay away. */
  close(): Promise<void>;
}

/** What becomes known of a started agent besides what it says itself. */
export interface Watch {
  onLine: (line: string, stream: "stdout" | "stderr") => void;
  /** Called before it starts: what takes the secrets out of anything that is kept of it. */
  onSecrets: (redact: (text: string) => string) => void;
  onAnswer: (answer: ProviderAnswer) => void;
  onActivity: () => void;
}

/** The agents behind the programs that speak ACP: they find their model as their command lines do. */
const behind: Record<string, Preset> = {
  gemini: presets.gemini,
  opencode: presets.opencode,
  "codex-acp": presets.codex,
  "claude-agent-acp": presets.claude,
  "claude-code-acp": presets.claude,
};

/** How the agent behind a command line finds its model. */
export function presetBehind({ command, env, hosts }: AcpChoice): Preset {
  return behind[programOf(command)] ?? plain(command, env, hosts);
}

/**
 * Starts the command line in the sandbox with a home of its own and a relay to its model.
 *
 * @returns why it cannot be started, if so.
 */
export async function launch(
  choice: AcpChoice,
  { sandbox, env, onNotice }: Launcher,
  turn: Turn,
  { onLine, onSecrets, onAnswer, onActivity }: Watch,
): Promise<Launched | Ended> {
  const preset = presetBehind(choice);
  const program = locate({ shell: choice.command }, env, viewOf(sandbox, turn));
  if ("missing" in program) return { ending: "start", message: program.missing };
  const connection = preset.connect(env, undefined);
  if (connection.kind === "none")
    return { ending: "auth", message: `${preset.name} has no key: ${connection.message}` };
  const pad = await openLaunchpad(sandbox, {
    ...{ connection, hosts: choice.hosts, readable: program.readable, turn: withoutSignal(turn) },
    ...{ onAnswer, onActivity },
  });
  const plan = preset.plan({
    ...{ providers: pad.providers, home: pad.home, model: undefined, confined: pad.confined },
    // The protocol itself hands the tools on.
    ...{ dollars: turn.dollars, mcp: undefined },
  });
  onSecrets(forRecord(pad, choice.env, env));
  const handed = handedOn(choice.env, env, pad.providers);
  const running = pad.start({
    argv: program.argv,
    env: { ...handed, ...plan.env },
    ...{ files: plan.files, copies: preset.brings?.(env) ?? {} },
    onLine,
  });
  const held = Object.keys(handed).filter((name) => plan.env[name] === undefined);
  return {
    running,
    seen: pad.folder,
    mcp: pad.mcp,
    version: program.version,
    enforced: pad.enforced,
    notEnforced: [...pad.notEnforced, ...held.map((name) => `the agent holds ${name} of your environment`)],
    async close() {
      const notice = await pad.close();
      if (notice !== null) onNotice?.(notice);
    },
  };
}

/** A cancelled turn is to end by the protocol first; the sandbox would kill it at once. */
function withoutSignal({ signal: _signal, ...turn }: Turn): Omit<Turn, "signal"> {
  return turn;
}
