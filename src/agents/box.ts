import { existsSync, lstatSync, realpathSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import type { AgentName } from "../contract/index.ts";
import { UserError } from "../errors.ts";
import type { Mount, Outcome, Running, Sandbox } from "../sandbox/index.ts";
import { handedOn, openLaunchpad } from "./launch.ts";
import { presets } from "./presets/index.ts";
import { plain } from "./presets/plain.ts";
import type { Preset } from "./presets/preset.ts";
import type { Environment } from "./presets/providers.ts";
import { locate } from "./program.ts";
import { isFile, isSystem, refusal, type View, viewOf } from "./shown.ts";

/** An agent that drives, to be started in a sandbox of its own. */
export interface BoxWish {
  /** The command line, a word each. */
  command: readonly string[];
  /** Whose login or key it gets; absent: that of the agent that the command line begins with, if it is a known one. */
  agent?: string;
  /** Hosts that it may reach besides its model's. */
  hosts: readonly string[];
  /** Names of variables of the user's that it gets. */
  env: readonly string[];
  /** Host path of the whole tree that it edits, and its working folder in there. */
  folder: string;
  cwd: string;
  /** Host paths that links in the tree lead to. */
  linked: readonly string[];
  /** What else it is shown, and set. */
  mounts: readonly Mount[];
  variables: Readonly<Record<string, string>>;
  /** A folder of the sandbox whose programs come before those of PATH. */
  programs: string;
}

/** A sandbox that is ready for its agent. */
export interface BoxedAgent {
  program: string;
  enforced: string[];
  notEnforced: string[];
  granted: string[];
  /** Starts it with the standard streams of this process. Once. */
  run(signal: AbortSignal): Promise<Outcome>;
  /**
   * Does something with the workspace while none of its processes runs: none can exchange a folder for a link meanwhile.
   *
   * @throws UserError when they do not come to rest.
   */
  still<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Takes everything away. Returns what a person should know, if anything. */
  close(): Promise<string | null>;
}

/** As far as a timer reaches, in milliseconds: a person ends an agent that drives, or it ends by itself. */
const noEnd = 2 ** 31 - 1;

/**
 * The first words say where it begins. With a terminal the command gets a process group of its own, in front: Ctrl-C is
 * for it, and not for what holds the sandbox together. What it stops with Ctrl-Z goes on at once.
 */
const begin = [
  'cd -- "$1" || exit 126',
  'PATH="$2:$PATH"; export PATH; shift 2',
  '[ -t 0 ] && [ -t 1 ] || exec "$@"',
  `exec 4>&1; code=$(sh -c '${inFront()}' sh "$@" 3>&1 >&4 4>&-); exit "\${code:-1}"`,
].join("\n");

/**
 * Some shells end with a complaint and a code of their own when they cannot give the terminal back to the group that had
 * it, which lies outside of the sandbox: so the code of the command is said on a descriptor.
 */
function inFront(): string {
  return [
    'set -m 2>/dev/null; "$@" 3>&-; code=$?',
    'while [ "$code" -ge 147 ] && [ "$code" -le 150 ]; do fg >/dev/null 2>&1; code=$?; done',
    'exec 2>/dev/null; echo "$code" >&3',
  ].join("; ");
}

/**
 * Makes a sandbox ready for an agent that drives, with what agents that research get: a home of its own, its login or a
 * token for its model, and no network but to that.
 *
 * @throws UserError when its program is missing or its login cannot be copied.
 */
export async function openBox(sandbox: Sandbox, wish: BoxWish, env: Environment): Promise<BoxedAgent> {
  const [word = "", ...rest] = wish.command;
  if (wish.hosts.includes("*"))
    throw new UserError(
      "a sandboxed agent with the whole network could reach programs of yours that listen on this machine",
      "name the hosts that it needs: --hosts pypi.org,files.pythonhosted.org",
    );
  const name = wish.agent ?? basename(word);
  if (wish.agent !== undefined && !Object.hasOwn(presets, name))
    throw new UserError(`--agent is one of ${Object.keys(presets).join(", ")}, not ${name}`);
  const preset = Object.hasOwn(presets, name)
    ? presets[name as AgentName]
    : plain(word, wish.env, wish.hosts);
  const connection = preset.connect(env, undefined);
  if (connection.kind === "none")
    throw new UserError(`${preset.name} has no key: ${connection.message}`, "mend that, and start again");
  const view = viewOf(sandbox, wish);
  const program = programOf(word, preset, env, view);
  const shown = [...program.readable, ...rest.flatMap((argument) => namedFile(argument, view))];
  const abort = new AbortController();
  const pad = await openLaunchpad(sandbox, {
    ...{ connection, hosts: wish.hosts, readable: [...new Set(shown)] },
    ...{ inPlace: true, mounts: [...repositoryOf(wish.folder), ...wish.mounts] },
    turn: {
      ...{ folder: wish.folder, cwd: "", linked: [...wish.linked] },
      ...{ time: noEnd, signal: abort.signal },
    },
  });
  const plan = preset.plan({
    ...{ providers: pad.providers, home: pad.home, model: undefined, confined: pad.confined },
    ...{ dollars: undefined, mcp: undefined },
  });
  const handed = handedOn(wish.env, env, pad.providers);
  const held = Object.keys(handed).filter((each) => plan.env[each] === undefined);
  let running: Running | null = null;
  let isOver = false;
  return {
    program: basename(word),
    enforced: pad.enforced,
    notEnforced: [...pad.notEnforced, ...held.map((each) => `the agent holds ${each} of your environment`)],
    granted: [
      `the workspace ${wish.folder} (writable)`,
      ...(shown.length + wish.linked.length > 0
        ? [`to read: ${[...new Set([...shown, ...wish.linked])].join(", ")}`]
        : []),
      ...(connection.kind === "login"
        ? [`a copy of its login, and ${connection.hosts.join(", ")}`]
        : connection.keys.map(({ provider }) => `calls of ${provider} through Whetstone's relay`)),
      ...(wish.hosts.length > 0 ? [`hosts: ${wish.hosts.join(", ")}`] : []),
      ...(held.length > 0 ? [`variables: ${held.join(", ")}`] : []),
    ],
    run(signal) {
      const end = () => abort.abort();
      if (signal.aborted) end();
      else signal.addEventListener("abort", end, { once: true });
      running = pad.start({
        argv: ["sh", "-c", begin, "sh", wish.cwd, wish.programs, ...program.argv, ...rest],
        env: { TERM: env.TERM ?? "dumb", ...handed, ...plan.env, ...wish.variables },
        ...{ files: plan.files, copies: preset.brings?.(env) ?? {} },
        onLine: "ours",
      });
      return running.done.finally(() => {
        isOver = true;
      });
    },
    async still(work) {
      if (running === null || isOver) return work();
      const letGo = await running.hold();
      if (letGo === null && !isOver)
        throw new UserError(
          "the processes in the sandbox could not be stopped for the moment in which the workspace is read",
          "end processes that keep starting others, and try again",
        );
      try {
        return await work();
      } finally {
        letGo?.();
      }
    },
    close: () => pad.close(),
  };
}

/** How the program is started, and what has to be shown for it. */
function programOf(
  word: string,
  { program }: Preset,
  env: Environment,
  view: View | null,
): { argv: string[]; readable: string[] } {
  if (word.includes("/")) {
    const path = resolve(word);
    if (!existsSync(path))
      throw new UserError(`there is no program ${path}`, "name one of your PATH, or an existing file");
    const real = realpathSync(path);
    return { argv: [real], readable: namedFile(real, view) };
  }
  const install =
    "name" in program && program.name === word ? program.install : "install it, or name another";
  const located = locate({ name: word, install }, env, view);
  if ("missing" in located) throw new UserError(located.missing, "then start again");
  return located;
}

/**
 * The workspace's own `.git` is read-only: what stands in its configuration would be run by git, and by editors that call
 * it, wherever a person later works in the workspace without a sandbox.
 */
function repositoryOf(folder: string): Mount[] {
  const path = join(folder, ".git");
  const info = lstatSync(path, { throwIfNoEntry: false });
  if (!info?.isDirectory())
    throw new UserError(
      `${path} is not the folder that Whetstone made`,
      "remove the workspace, and start again",
    );
  return [{ host: path, at: { path }, writable: false }];
}

/**
 * A file that is named by its whole path is shown alone; a folder is not.
 *
 * @throws UserError where it must not be shown.
 */
function namedFile(path: string, view: View | null): string[] {
  if (!path.startsWith("/") || !isFile(path)) return [];
  const refused = refusal(path, view);
  if (refused !== null) throw new UserError(refused, "then start again");
  return isSystem(path) ? [] : [path];
}
