import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { fileURLToPath } from "node:url";
import { RunFailed, UserError } from "../errors.ts";
import { type Door, isWalled, type Level } from "./sandbox.ts";
import { isRoot } from "./tools.ts";

/** The same in every namespace, so that what a command prints is the same each time. */
export const port = 61_999;

/** Milliseconds; it takes 50 on an idle machine. */
const patience = 20_000;

/**
 * Opens a door for one command, which names it in its order. It costs the start of a process at L2: see `openDoors`.
 *
 * @param hasNetwork whether the command has the whole network anyway, so that a namespace would be in its way.
 * @throws RunFailed when no namespace can be made, or none can be entered.
 */
export async function openDoor(level: Level, hasNetwork: boolean): Promise<Door> {
  return isWalled(level) && !hasNetwork ? openNamespace() : openLoopback();
}

async function openLoopback(): Promise<Door> {
  const socket = createServer();
  await new Promise<void>((listening, failed) => {
    socket.once("error", failed);
    socket.listen(0, "127.0.0.1", listening);
  });
  const address = socket.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    socket,
    isPrivate: false,
    namespaces: null,
    close: () => socket.close(),
  };
}

/**
 * Bubblewrap makes the namespace, since it brings its loopback up; the keeper sees the user's files and reads none. The
 * namespaces are held by descriptors: the number of a process could be another's by the time that it is used.
 */
async function openNamespace(): Promise<Door> {
  const argv = [
    ...["bwrap", "--unshare-user", "--unshare-net", "--die-with-parent", "--ro-bind", "/", "/", "--"],
    ...[process.execPath, script(), String(port)],
  ];
  const keeper = spawn(argv[0] as string, argv.slice(1), {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    env: { PATH: process.env.PATH, NODE_NO_WARNINGS: "1" },
  });
  try {
    const { pid, socket } = await handedOver(keeper);
    const namespaces = {
      net: openSync(`/proc/${pid}/ns/net`, "r"),
      user: openSync(`/proc/${pid}/ns/user`, "r"),
    };
    return {
      ...{ port, socket, isPrivate: true, namespaces },
      close() {
        socket.close();
        for (const descriptor of Object.values(namespaces)) closeSync(descriptor);
      },
    };
  } finally {
    keeper.kill("SIGKILL");
  }
}

function handedOver(keeper: ChildProcess): Promise<{ pid: number; socket: Server }> {
  let said = "";
  keeper.stderr?.on("data", (chunk: Buffer) => {
    if (said.length < 1000) said += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    let socket: Server | null = null;
    const fail = (why: string) => {
      clearTimeout(timer);
      reject(
        new RunFailed(
          `no network namespace with a way to Whetstone could be made: ${why}`,
          "without `model` and without a list of hosts under `network` the sandbox needs none",
        ),
      );
    };
    const timer = setTimeout(() => fail(`it took more than ${patience / 1000} s`), patience);
    keeper.once("error", (error) => fail(error.message));
    keeper.once("exit", (code) => fail(said.trim().split("\n").at(-1) || `exit code ${code}`));
    keeper.on("message", (message, handle) => {
      if (message === "socket") socket = handle as Server;
      if (typeof message !== "number" || socket === null) return;
      clearTimeout(timer);
      resolve({ pid: message, socket });
    });
  });
}

function script(): string {
  const found = ["./doorkeeper.ts", "./doorkeeper.js"]
    .map((name) => fileURLToPath(new URL(name, import.meta.url)))
    .find((path) => existsSync(path));
  if (found === undefined)
    throw new UserError("a part of Whetstone is missing: doorkeeper.js", "install whetstone again");
  return found;
}

/** What comes before a command so that it runs in the network of a door. */
export function entering({ namespaces }: Door): string[] {
  if (namespaces === null) return [];
  const held = (descriptor: number) => `/proc/${process.pid}/fd/${descriptor}`;
  // Only root may enter a network whose user namespace it is not in.
  const user = isRoot ? [] : [`--user=${held(namespaces.user)}`, "--preserve-credentials"];
  return ["nsenter", ...user, `--net=${held(namespaces.net)}`];
}

/** Doors, of which the next one is made ready while nobody waits for it. */
export interface Doors {
  take(hasNetwork: boolean): Promise<Door>;
  close(): void;
}

/**
 * Keeps one door ready. The next one is made when a command has ended, never beside one that may be timed.
 */
export function openDoors(level: Level): Doors {
  const ready: Promise<Door>[] = [];
  let isClosed = false;
  const prepare = () => {
    if (isClosed || !isWalled(level) || ready.length > 0) return;
    const next = openDoor(level, false);
    // Who takes it hears of a failure.
    next.catch(() => {});
    ready.push(next);
  };
  return {
    async take(hasNetwork) {
      const door = await ((hasNetwork ? undefined : ready.shift()) ?? openDoor(level, hasNetwork));
      return {
        ...door,
        close() {
          door.close();
          prepare();
        },
      };
    },
    close() {
      isClosed = true;
      for (const each of ready.splice(0))
        each.then(
          (door) => door.close(),
          () => {},
        );
    },
  };
}
