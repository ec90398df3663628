import { randomBytes } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { totalmem } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../errors.ts";
import { redactor } from "../redaction/index.ts";
import {
  isWalled,
  type Mount,
  type Running,
  type Sandbox,
  temporaryFolder,
  treePlace,
} from "../sandbox/index.ts";
import type { Turn } from "./agent.ts";
import type { Reached } from "./presets/preset.ts";
import { type Connection, type Environment, providers } from "./presets/providers.ts";
import { openRelay, type ProviderAnswer, type Route } from "./relay/relay.ts";

/** What an agent's process is to be given. */
export interface Wants {
  connection: Exclude<Connection, { kind: "none" }>;
  /** Further hosts that it may reach; `*`: everything. */
  hosts: readonly string[];
  /** Host paths of programs and folders that it needs to read. */
  readable: readonly string[];
  turn: Pick<Turn, "folder" | "cwd" | "linked" | "time" | "signal" | "mcp">;
  /** True: the working copy outlasts the agent, and is shown where it lies. */
  inPlace?: boolean;
  /** What else is shown to it. */
  mounts?: readonly Mount[];
  onAnswer?: (answer: ProviderAnswer) => void;
  onActivity?: () => void;
}

/** A place from which one agent is started: a home of its own, and a relay to its model. */
export interface Launchpad {
  /** As the agent sees them: the working copy, its home. */
  folder: string;
  home: string;
  providers: Reached[];
  mcp: { name: string; url: string; token: string } | undefined;
  /** True: it can read and write nothing of the user's but the working copy. */
  confined: boolean;
  /** What must not be kept of what it prints: keys, and what its login holds. */
  secrets: string[];
  enforced: string[];
  notEnforced: string[];
  /** Requests to the provider that have no end yet; null where they do not pass through the relay. */
  open(): number | null;
  start(launch: {
    argv: readonly string[];
    env: Record<string, string>;
    /** Path below the home folder -> text. */
    files: Record<string, string>;
    /** Path below the home folder -> path of a file that is copied there. */
    copies: Record<string, string>;
    /** `ours`: it has the standard streams of this process. */
    onLine: ((line: string, stream: "stdout" | "stderr") => void) | "ours";
  }): Running;
  /** Takes everything away. Returns what a person should know, if anything. */
  close(): Promise<string | null>;
}

/** Where an agent sees its own things at L2. */
const inside = { home: "/home/agent", relay: "/relay", port: 61_999 };

/**
 * Makes ready what an agent needs. At L2 its process has no network but a loopback of its own, from which a forwarder
 * leads to the relay; below that it finds the relay on the machine's loopback, and everything else is open to it.
 *
 * @throws UserError when the credentials file of a login cannot be copied.
 */
export async function openLaunchpad(sandbox: Sandbox, wants: Wants): Promise<Launchpad> {
  const { connection, hosts, turn } = wants;
  const { level } = sandbox.isolation;
  // With an image (L3) only the candidate's commands run in it: an agent is started at L2 all the same.
  const confined = isWalled(level);
  // With a network of its own the agent could not reach "everything".
  const closed = confined && !hosts.includes("*");
  const pad = realpathSync(temporaryFolder(turn.folder));
  try {
    const homeFolder = join(pad, "home");
    mkdirSync(homeFolder, { mode: 0o700 });
    const home = confined ? inside.home : homeFolder;
    const login = connection.kind === "login" ? copyLogin(connection, homeFolder) : null;

    const token = `whet-${randomBytes(24).toString("hex")}`;
    const keys = connection.kind === "keys" ? connection.keys : [];
    const reached = keys.map((key, index) => ({
      ...key,
      path: index === 0 && keys.length === 1 ? "" : `/-/${key.provider}`,
    }));
    const routes: Route[] = reached.map(({ path, base, key }) => ({
      path,
      to: base,
      // Where there is no key, the token itself goes on: a server of the user's own that wants none.
      secret: { token, key: key ?? token },
      provider: true,
    }));
    if (turn.mcp) routes.push({ path: "/-/mcp", to: new URL(turn.mcp.url), provider: false });
    const socket = join(pad, "relay.sock");
    const environment = join(pad, "environment.json");
    writeFileSync(environment, "{}", { mode: 0o600 });
    const forwarder = confined ? forwarding(environment, closed ? socket : null) : null;
    const proxied = closed ? [...hosts, ...(connection.kind === "login" ? connection.hosts : [])] : [];
    const relay = await openRelay({
      ...(closed ? { socket } : {}),
      routes,
      hosts: proxied,
      ...(wants.onAnswer ? { onAnswer: wants.onAnswer } : {}),
      ...(wants.onActivity ? { onActivity: wants.onActivity } : {}),
    });
    const base = `http://127.0.0.1:${closed ? inside.port : relay.port}`;

    const mounts: Mount[] = [
      // The tree once more, writable: so what is written there counts as disk use.
      wants.inPlace
        ? { host: turn.folder, at: { path: turn.folder }, writable: true, lasting: true }
        : { host: turn.folder, at: "", writable: true },
      { host: homeFolder, at: { path: inside.home }, writable: true },
      ...[...wants.readable, ...(turn.linked ?? [])].map(
        (host): Mount => ({ host, at: { path: host }, writable: false }),
      ),
      ...(forwarder?.mounts ?? []),
      ...(wants.mounts ?? []),
    ];
    if (closed) {
      // Without a network there is none of this; agents look for `localhost`, and for certificates behind the proxy.
      writeFileSync(join(pad, "hosts"), "127.0.0.1 localhost\n");
      mounts.push({ host: join(pad, "hosts"), at: { path: "/etc/hosts" }, writable: false });
      for (const folder of ["/etc/ssl", "/etc/ca-certificates", "/etc/pki"])
        if (proxied.length > 0 && existsSync(folder))
          mounts.push({ host: folder, at: { path: folder }, writable: false });
    }
    const proxy: Record<string, string> =
      proxied.length === 0
        ? {}
        : {
            ...Object.fromEntries(
              ["HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"].map((name) => [name, base]),
            ),
            NO_PROXY: "127.0.0.1,localhost",
            no_proxy: "127.0.0.1,localhost",
            NODE_USE_ENV_PROXY: "1",
          };

    return {
      folder: confined && !wants.inPlace ? treePlace : turn.folder,
      home,
      providers: reached.map(({ provider, path, variable }) => ({
        name: provider,
        base: base + path,
        token,
        variable,
      })),
      mcp: turn.mcp && { ...turn.mcp, url: `${base}/-/mcp` },
      confined,
      secrets: [
        ...keys.flatMap(({ key }) => (key === null ? [] : [key])),
        ...(login ? secretsIn(login.content.toString()) : []),
      ],
      ...whatHolds(sandbox, wants, closed),
      open: () => (keys.length > 0 ? relay.open : null),
      start({ argv, env, files, copies, onLine }) {
        const placed = (path: string) => {
          mkdirSync(dirname(join(homeFolder, path)), { recursive: true, mode: 0o700 });
          return join(homeFolder, path);
        };
        for (const [path, text] of Object.entries(files)) writeFileSync(placed(path), text, { mode: 0o600 });
        for (const [path, host] of Object.entries(copies)) copyFileSync(host, placed(path));
        const whole = { HOME: home, ...proxy, ...env };
        if (forwarder) writeFileSync(environment, JSON.stringify(whole));
        return sandbox.start({
          command: [...(forwarder?.argv ?? []), ...argv],
          tree: turn.folder,
          cwd: turn.cwd,
          mounts,
          hidden: [],
          env: forwarder ? {} : whole,
          limits: {
            time: turn.time,
            memory: Math.max(4 * 2 ** 30, totalmem() / 2),
            processes: 1000,
            fileSize: 2 ** 30,
            disk: 4 * 2 ** 30,
            output: 2 ** 28,
            network: !closed,
          },
          ...(onLine === "ours" ? { stdin: "ours" } : { stdin: "pipe", onLine }),
          lineLimit: 2 ** 23,
          ...(turn.signal ? { signal: turn.signal } : {}),
        });
      },
      async close() {
        await relay.close();
        const renewed = login !== null && !holds(login.path, login.content);
        try {
          rmSync(pad, { recursive: true, force: true });
        } catch {
          // The agent may have locked a folder of its home: what is left is found as abandoned later.
        }
        return renewed
          ? "the agent renewed its login in its own copy; if it asks you to log in again, do so, or give it an API key"
          : null;
      },
    };
  } catch (error) {
    rmSync(pad, { recursive: true, force: true });
    throw error;
  }
}

function copyLogin(login: Connection & { kind: "login" }, home: string): { path: string; content: Buffer } {
  const path = join(home, login.to);
  try {
    const content = readFileSync(login.file);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, content, { mode: 0o600 });
    return { path, content };
  } catch (error) {
    throw new UserError(
      `the agent's login cannot be read: ${(error as Error).message}`,
      "log in with it once more",
    );
  }
}

/** The long words of a credentials file: tokens, whatever they are called. */
function secretsIn(text: string): string[] {
  return text.match(/[\w.~+/=-]{20,}/g) ?? [];
}

/** Whether a file that the agent could write still holds this. */
function holds(path: string, content: Buffer): boolean {
  const info = lstatSync(path, { throwIfNoEntry: false });
  return info?.isFile() === true && info.size === content.length && readFileSync(path).equals(content);
}

/**
 * How an agent begins at L2: Node, and a script that gives it its environment and, where a socket is given, a way out to
 * the relay.
 */
function forwarding(environment: string, socket: string | null): { mounts: Mount[]; argv: string[] } {
  const [script, name] = [
    [fileURLToPath(new URL("./relay/forward.ts", import.meta.url)), "forward.mts"],
    [fileURLToPath(new URL("./forward.js", import.meta.url)), "forward.mjs"],
  ].find(([path]) => existsSync(path as string)) ?? ["", ""];
  if (!script) throw new UserError("a part of Whetstone is missing: forward.js", "install whetstone again");
  const at = (file: string) => `${inside.relay}/${file}`;
  const shown: [string, string][] = [
    [realpathSync(process.execPath), at("node")],
    [script, at(name as string)],
    [environment, at("environment")],
    ...(socket === null ? [] : [[socket, at("socket")] satisfies [string, string]]),
  ];
  return {
    mounts: shown.map(([host, path]) => ({ host, at: { path }, writable: false })),
    argv: [
      ...[at("node"), at(name as string), at("environment")],
      ...[socket === null ? "0" : String(inside.port), at("socket"), "--"],
    ],
  };
}

function whatHolds(sandbox: Sandbox, { connection, hosts, turn }: Wants, closed: boolean) {
  const { level } = sandbox.isolation;
  const enforced: string[] = ["the agent's time, and that no process of it is left"];
  const notEnforced: string[] = [];
  if (isWalled(level))
    enforced.push("the agent sees its working copy, its own program and the system's, nothing else of yours");
  else if (level === "macos") {
    enforced.push("the agent writes in its working copy and its own home only");
    notEnforced.push("the agent can read the system's files");
  } else notEnforced.push("the agent can read and write your files");
  if (closed)
    enforced.push(
      `the agent's network: its model only${hosts.length > 0 ? `, and ${hosts.join(", ")}` : ""}${turn.mcp ? ", and Whetstone's own tools" : ""}`,
    );
  else notEnforced.push("the agent's network is open");
  if (connection.kind === "login") {
    enforced.push(...(closed ? [`with its login: ${connection.hosts.join(", ")}`] : []));
    notEnforced.push(`the agent holds your login (a copy of ${connection.file})`);
  } else if (connection.keys.some(({ key }) => key !== null))
    enforced.push("the agent holds a token of this run, not your key");
  return { enforced, notEnforced };
}

/**
 * The variables that the contract hands on by name. Keys of providers that are reached through the relay are none of
 * them: what the agent gets for those is a token.
 */
export function handedOn(
  names: readonly string[],
  env: Environment,
  reached: readonly Reached[] = [],
): Record<string, string> {
  const outside = reached.flatMap(({ name }) => providers[name].keys);
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name];
      return value === undefined || outside.includes(name) ? [] : [[name, value]];
    }),
  );
}

/**
 * Puts a mark in the place of every secret that an agent holds or was told: what it says is kept.
 *
 * @param names variables that were handed on to it.
 */
export function forRecord(
  { secrets }: Pick<Launchpad, "secrets">,
  names: readonly string[],
  env: Environment,
): (text: string) => string {
  return redactor([...secrets, ...Object.values(handedOn(names, env))].filter(isSecret));
}

/** Short values, such as a region or a flag, are no secrets and stand in many places. */
function isSecret(value: string): boolean {
  return value.length >= 12;
}
