import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { remedy } from "./doorProbe.ts";
import { type Door, type Level, openDoor, openDoors, openSandbox, type Sandbox } from "./index.ts";

const best = await openSandbox();
const levels: Level[] = best.isolation.level === "L2" ? ["L0", "L2"] : ["L0"];
const waits = 60_000;

/** Prints what a server says at `/x`, or `none`. */
const ask = (port: number) =>
  `fetch("http://127.0.0.1:${port}/x").then((answer) => answer.text(), () => "none").then(console.log)`;

describe.each(levels)("a door at isolation level %s", (level) => {
  let sandbox: Sandbox;
  let tree: string;
  const servers: Server[] = [];
  beforeAll(async () => {
    sandbox = level === "L0" ? await openSandbox({ level: "L0" }) : best;
    tree = mkdtempSync(join(tmpdir(), "whet-tree-"));
  });
  afterAll(() => {
    for (const server of servers) server.close();
    rmSync(tree, { recursive: true, force: true });
  });
  const answering = (door: Door, words: string) => {
    const server = createServer((_, outgoing) => outgoing.end(words));
    server.listen(door.socket);
    servers.push(server);
  };
  const run = (script: string, door?: Door) =>
    sandbox.start({
      command: ["node", "-e", script],
      ...{ tree, cwd: "", mounts: [], hidden: [], env: {} },
      limits: {
        ...{
          time: 30_000,
          memory: 2 ** 30,
          processes: 60,
          fileSize: 2 ** 20,
          disk: 2 ** 24,
          output: 2 ** 20,
        },
        network: false,
      },
      ...(door ? { door } : {}),
    }).done;

  it("lets a command reach whoever answers there", { timeout: waits }, async () => {
    const door = await openDoor(level, false);
    answering(door, "hello");
    const outcome = await run(ask(door.port), door);
    door.close();
    expect([outcome.ending, outcome.stdout]).toEqual(["ok", "hello\n"]);
  });

  it.runIf(level === "L2")(
    "leads nowhere else: neither to the machine's own ports nor to another door",
    { timeout: waits },
    async () => {
      const [own, other] = [await openDoor(level, false), await openDoor(level, false)];
      answering(own, "own");
      answering(other, "other");
      const machine = createServer((_, outgoing) => outgoing.end("the machine's"));
      await new Promise<void>((listening) => machine.listen(0, "127.0.0.1", listening));
      servers.push(machine);
      const { stdout } = await run(
        `${ask((machine.address() as AddressInfo).port)}.then(() => ${ask(own.port)})`,
        own,
      );
      expect(stdout).toBe("none\nown\n");
      expect((await run(ask(own.port))).stdout).toBe("none\n");
      for (const door of [own, other]) door.close();
    },
  );

  it.runIf(level === "L2")("has a way only for the network that is granted otherwise", async () => {
    const door = await openDoor(level, true);
    expect([door.namespaces, door.isPrivate]).toEqual([null, false]);
    door.close();
  });

  it("is made ready ahead, and nothing of it is left when all are closed", { timeout: waits }, async () => {
    const doors = openDoors(level);
    const first = await doors.take(false);
    answering(first, "first");
    first.close();
    const second = await doors.take(false);
    answering(second, "second");
    expect((await run(ask(second.port), second)).stdout).toBe("second\n");
    const network = second.namespaces && readlinkSync(`/proc/self/fd/${second.namespaces.net}`);
    second.close();
    doors.close();
    if (network !== null) expect(openDescriptors()).not.toContain(network);
  });
});

it("a port of loopback can be taken where nothing is isolated", async () => {
  const door = await openDoor("L0", false);
  const taken = createSocket().listen(door.port, "127.0.0.1");
  const error = await new Promise<NodeJS.ErrnoException>((failed) => taken.once("error", failed));
  expect(error.code).toBe("EADDRINUSE");
  door.close();
});

function openDescriptors(): string[] {
  return readdirSync("/proc/self/fd").flatMap((name) => {
    try {
      return [readlinkSync(`/proc/self/fd/${name}`)];
    } catch {
      return [];
    }
  });
}

describe("a machine that allows few user namespaces", () => {
  const script = `const { openSandbox, requireDoors } = await import(${JSON.stringify(new URL("./index.ts", import.meta.url).href)});
const sandbox = await openSandbox();
const words = await requireDoors(sandbox).then(() => "doors open", ({ message, fix }) => message + " / " + fix);
console.log(JSON.stringify([sandbox.isolation.level, words]));
process.exit();`;
  const within = (most: number) =>
    spawnSync(
      "unshare",
      [
        ...["--user", "--map-root-user", "--mount", "sh", "-c"],
        `echo ${most} > /proc/sys/user/max_user_namespaces && exec "$@"`,
        ...["sh", process.execPath, "--input-type=module", "-e", script],
      ],
      { encoding: "utf8" },
    ).stdout;

  it("is told before anything is measured, with what to do", { timeout: waits }, (context) => {
    const [few, many] = [within(2), within(20)].map((text) => text && (JSON.parse(text) as [string, string]));
    if (few?.[0] !== "L2" || !many) return context.skip("no namespace with a limit of its own can be made");
    expect(few[1]).toMatch(
      /cannot be given a model .* may have 2 user namespaces .*max_user_namespaces=10000/,
    );
    expect(many[1]).toBe("doors open");
  });
});

it.each([
  [null, 5, /max_user_namespaces=10000/],
  [1, 60_000, /AppArmor .* by a profile/],
  [0, 60_000, /within one another/],
  [null, null, /within one another/],
])(
  "what to do follows from the kernel's settings (AppArmor %s, %s namespaces)",
  (restricted, most, words) => {
    expect(remedy(restricted, most)).toMatch(words);
  },
);
