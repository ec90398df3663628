/**
 * A stand-in for podman and docker, for machines that have neither: takes the command lines that Whetstone writes, flag by
 * flag as the real program's help lists them, and runs the command below bubblewrap. It shows that the command line
 * says what a run needs, and nothing of what a real engine does: the numbers in its control groups are made up.
 *
 *     standInEngine.ts <version of engineFlags.json> <state folder> <arguments of the engine>
 */
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { systemFolders } from "../../src/sandbox/bubblewrap/system.ts";
import { seccompFilter } from "../../src/sandbox/seccomp/filter.ts";
import known from "./engineFlags.json" with { type: "json" };

const [version, state, ...given] = process.argv.slice(2) as [keyof typeof known, string, ...string[]];
const records = join(state, "containers");
mkdirSync(records, { recursive: true });
appendFileSync(join(state, "log"), `${JSON.stringify(given)}\n`);

interface Kept {
  name: string;
  labels: string[];
  id: string;
  pid: number;
}

type Command = keyof (typeof known)[typeof version];

const command = (given[0] === "image" ? "image inspect" : given[0]) as Command;
const { flags, rest } = parse(command, given.slice(command.split(" ").length));
await { info, "image inspect": inspect, run, rm: remove, ps: list }[command]();

function fail(words: string): never {
  process.stderr.write(`Error: ${words}\n`);
  process.exit(125);
}

/** Flags up to the first word that is none. A flag that the help does not list ends it, as it would the real program. */
function parse(name: Command, words: readonly string[]): { flags: Map<string, string[]>; rest: string[] } {
  const lists = known[version]?.[name] as { values: string[]; switches: string[] } | undefined;
  if (!lists) fail(`unknown command ${name}`);
  const found = new Map<string, string[]>();
  let at = 0;
  for (; at < words.length; at++) {
    const word = words[at] as string;
    if (!word.startsWith("-")) break;
    const [, flag = "", value] = /^--([a-z-]+)(?:=([\s\S]*))?$/.exec(word) ?? fail(`unknown flag: ${word}`);
    const isSwitch = lists.switches.includes(flag);
    if (!isSwitch && !lists.values.includes(flag)) fail(`unknown flag: --${flag}`);
    if (!isSwitch && value === undefined) fail(`flag needs an argument: --${flag}`);
    if (isSwitch && value !== undefined && !/^(true|false)$/.test(value))
      fail(`invalid argument for --${flag}`);
    found.set(flag, [...(found.get(flag) ?? []), value ?? "true"]);
  }
  return { flags: found, rest: words.slice(at) };
}

function info(): void {
  const podman = { host: { security: { rootless: true } }, version: { Version: "stand-in" } };
  const docker = { ServerVersion: "stand-in", SecurityOptions: ["name=rootless"] };
  process.stdout.write(JSON.stringify(version.startsWith("podman") ? podman : docker));
}

/** The number of the one image that is here stands in a file, so that a test can change it. */
function imageNumber(): string {
  return createHash("sha256")
    .update(readFileSync(join(state, "image"), "utf8"))
    .digest("hex");
}

function inspect(): void {
  const [name] = rest;
  if (name !== "stand-in/image:1") fail(`${name}: image not known`);
  process.stdout.write(JSON.stringify([{ Id: imageNumber(), Config: { Volumes: null } }]));
}

function one(flag: string): string {
  const values = flags.get(flag) ?? [];
  if (values.length !== 1) fail(`--${flag} is here ${values.length} times`);
  return values[0] as string;
}

async function run(): Promise<void> {
  const [image, ...words] = rest;
  if (image !== `sha256:${imageNumber()}`) fail(`${image}: image not known`);
  const id = randomBytes(32).toString("hex");
  const groups = join(state, "groups", id);
  mkdirSync(groups, { recursive: true });
  writeFileSync(join(groups, "memory.max"), `${Number.parseInt(one("memory"), 10)}\n`);
  writeFileSync(join(groups, "pids.max"), `${one("pids-limit")}\n`);
  const mounts = (flags.get("mount") ?? []).map((text) => {
    const fields = new Map<string, string>(
      text.split(",").map((field) => [field.split("=")[0] as string, field.replace(/^[^=]*=?/, "")]),
    );
    const source = fields.get("source") ?? fail(`no source: ${text}`);
    if (!existsSync(source)) fail(`statfs ${source}: no such file or directory`);
    return {
      at: fields.get("destination") ?? fail(`no destination: ${text}`),
      args: [fields.has("readonly") ? "--ro-bind" : "--bind", source],
    };
  });
  const inMemory = (flags.get("tmpfs") ?? []).map((text) => ({
    at: text.split(":")[0] as string,
    args: ["--perms", "1777", "--tmpfs"],
  }));
  const depth = ({ at }: { at: string }) => at.split("/").length;
  const placed = [...inMemory, ...mounts].sort((a, b) => depth(a) - depth(b));
  const network = (flags.get("network") ?? []).includes("none") ? [] : ["--share-net"];
  const child = spawn(
    "bwrap",
    [
      ...[
        "--unshare-all",
        "--unshare-user",
        ...network,
        "--new-session",
        "--cap-drop",
        "ALL",
        "--seccomp",
        "3",
      ],
      ...["--ro-bind", "/usr", "/usr", ...systemFolders(), "--proc", "/proc", "--dev", "/dev"],
      ...["--ro-bind", groups, "/sys/fs/cgroup", ...placed.flatMap(({ at, args }) => [...args, at])],
      ...["--remount-ro", "/", "--chdir", one("workdir"), "--clearenv"],
      ...["--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin", "--", one("entrypoint"), ...words],
    ],
    {
      stdio: [flags.has("interactive") ? "inherit" : "ignore", "inherit", "inherit", "pipe"],
      detached: true,
    },
  );
  (child.stdio[3] as NodeJS.WritableStream).end(seccompFilter({ apart: true, pinned: true }) ?? "");
  const kept: Kept = { name: one("name"), labels: flags.get("label") ?? [], id, pid: child.pid as number };
  writeFileSync(join(records, kept.name), JSON.stringify(kept));
  writeFileSync(one("cidfile"), id);
  const code = await new Promise<number>((resolve) => {
    child.once("exit", (exit, signal) => resolve(exit ?? (signal === "SIGKILL" ? 137 : 143)));
  });
  forget(kept);
  process.exit(code);
}

function all(): Kept[] {
  return readdirSync(records).map((name) => JSON.parse(readFileSync(join(records, name), "utf8")) as Kept);
}

function forget({ name, id }: Kept): void {
  rmSync(join(records, name), { force: true });
  rmSync(join(state, "groups", id), { recursive: true, force: true });
}

function remove(): void {
  for (const name of rest) {
    const kept = all().find((each) => each.name === name || each.id === name);
    if (!kept) fail(`no container with name or ID "${name}" found`);
    try {
      process.kill(-kept.pid, "SIGKILL");
    } catch {
      // It ended meanwhile.
    }
    forget(kept);
  }
}

function list(): void {
  const label = /^label=(.*)$/.exec(one("filter"))?.[1] ?? fail("unknown filter");
  for (const { id, labels } of all()) if (labels.includes(label)) process.stdout.write(`${id}\n`);
}
