import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { UserError } from "../../errors.ts";
import { covers, coversWithin } from "../bubblewrap/covers.ts";
import { type KeptOut, keptOut, keptWithin, parseMountInfo } from "../bubblewrap/keptOut.ts";
import { homePlace, treePlace } from "../bubblewrap/launch.ts";
import { type Gpu, gpuVariables } from "../gpu/index.ts";
import { isWithin } from "../paths.ts";
import { sampleContainer } from "../processes.ts";
import { allowedProcessors, chosenProcessors } from "../processors.ts";
import type { Launch } from "../run.ts";
import type { Mount, Order } from "../sandbox.ts";
import { seccompProfile } from "../seccomp/profile.ts";
import { labMark, temporaryFolder } from "../temporary.ts";
import { commandArgv, type Tools } from "../tools.ts";
import { askEngine, clientEnvironment } from "./client.ts";
import { type Bind, type Container, proxyVariables, removeArguments, runArguments } from "./commandLine.ts";
import type { Engine, Image } from "./engine.ts";
import { begunFile, startScript, startText } from "./start.ts";

/**
 * A container for one command of the candidate's. Each host path is shown through a link that Whetstone names, in a
 * folder of this run's own: a host path can hold characters that no engine's command line can express, and engines
 * follow links.
 *
 * @throws UserError for what no container can be given.
 */
export function launchContainer(
  order: Order,
  { engine, image }: { engine: Engine; image: Image },
  tools: Tools,
  keepOut: readonly string[],
): Launch {
  // A contract that wants these is refused before.
  if (order.overlay || order.door || Array.isArray(order.limits.network))
    throw new TypeError("a container has no layer over its tree and no way out but the engine's own network");
  const folder = temporaryFolder(order.tree);
  const begun = join(folder, "began");
  try {
    const container = containerOf(order, image, folder, keepOut);
    const untouched = changeTime(begun);
    return {
      argv: ["setpriv", "--pdeathsig", "TERM", engine.program, ...runArguments(engine, container)],
      env: clientEnvironment(),
      cwd: "/",
      contained: true,
      ownProc: false,
      inMemory: ["/tmp", "/dev/shm", homePlace],
      writable: [begun],
      sample: () => sampled(container.numberFile, tools.pageSize),
      // A run can empty the file again; when it was changed is for the kernel to say.
      hasBegun: () => changeTime(begun) !== untouched,
      end: () => endContainer(engine, container),
      cleanUp: () => rmSync(folder, { recursive: true, force: true }),
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function containerOf(order: Order, image: Image, folder: string, keepOut: readonly string[]): Container {
  const { limits } = order;
  const shown = mountsOf(order);
  const lab = labMark(dirname(order.tree));
  const env: Record<string, string> = {
    ...{ HOME: homePlace, TMPDIR: "/tmp", LANG: "C.UTF-8" },
    ...gpuVariables(order.gpus ?? [], true),
    ...order.env,
    ...shown.env,
  };
  const profile = seccompProfile({ apart: order.apart === true, pinned: limits.cpus !== undefined });
  if (profile) writeFileSync(join(folder, "seccomp.json"), JSON.stringify(profile));
  writeFileSync(join(folder, "start"), startText(env, proxyVariables));
  writeFileSync(join(folder, "began"), "");
  const size = Math.max(2 ** 26, Math.min(limits.disk, 2 ** 30));
  return {
    name: `whet-${lab}-${randomBytes(6).toString("hex")}`,
    lab,
    image: image.number,
    numberFile: join(folder, "number"),
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    workingFolder: posix.join(treePlace, order.cwd),
    takesInput: order.stdin === "pipe",
    binds: named(folder, [
      ...withCovers(order, shown.binds, folder, keptOut(keepOut)),
      { source: join(folder, "start"), at: startScript, writable: false },
      { source: join(folder, "began"), at: begunFile, writable: true },
    ]),
    temporary: ["/tmp", "/var/tmp", homePlace, ...image.volumes].map((at) => ({ at, size })),
    memory: Math.floor(limits.memory),
    // Threads count as well, and a number of processes is a handful of each.
    tasks: 4 * limits.processes,
    fileSize: Math.floor(limits.fileSize),
    processors: limits.cpus === undefined ? null : chosenProcessors(limits.cpus, allowedProcessors()),
    network: limits.network === true,
    devices: (order.gpus ?? []).map(deviceName),
    profile: profile ? join(folder, "seccomp.json") : null,
    userProcesses: userProcesses(),
    time: Math.min(limits.time, 2 ** 31 - 1),
    command: ["/bin/sh", startScript, ...commandArgv(order.command)],
  };
}

/** The tree, what the order shows in it and beside it, and the variables that say where that is. */
function mountsOf(order: Order): { binds: Bind[]; env: Record<string, string> } {
  const binds: Bind[] = [{ source: order.tree, at: treePlace, writable: order.treeWritable === true }];
  const env: Record<string, string> = {};
  for (const mount of order.mounts) {
    binds.push({ source: mount.host, at: placeOf(mount), writable: mount.writable });
    if (typeof mount.at !== "string" && "env" in mount.at) env[mount.at.env] = placeOf(mount);
  }
  return { binds, env };
}

function placeOf({ at }: Mount): string {
  if (typeof at === "string") return posix.join(treePlace, at);
  if ("path" in at) return at.path;
  return "home" in at ? posix.join(homePlace, at.home) : `/${at.env.toLowerCase()}`;
}

/**
 * The same binds with an empty file or folder over each path that the command must not see, and with file systems that
 * are mounted below them as binds of their own: a bind that cannot be written is so without what is mounted below it.
 */
function withCovers(order: Order, binds: readonly Bind[], folder: string, kept: readonly KeptOut[]): Bind[] {
  const found = new Map<string, Bind>();
  for (const bind of binds) {
    found.set(bind.at, bind);
    for (const below of mountedBelow(bind)) found.set(below.at, below);
  }
  const hidden = [
    ...covers(order).map(({ path, isFolder }) => ({ place: posix.join(treePlace, path), isFolder })),
    ...order.mounts.flatMap((mount) =>
      coversWithin(mount).map(({ path, isFolder }) => ({
        place: posix.join(placeOf(mount), path),
        isFolder,
      })),
    ),
  ];
  for (const { place } of hidden) for (const at of found.keys()) if (isWithin(at, place)) found.delete(at);
  const keptPlaces = binds.flatMap(({ source, at }) => keptWithin(source, at, kept));
  for (const { place, isFolder } of [...keptPlaces, ...hidden]) {
    // Without a bind above it, it is not shown anyway.
    if (![...found.keys()].some((at) => isWithin(place, at))) continue;
    const source = join(folder, `cover-${found.size}`);
    if (isFolder) {
      mkdirSync(source);
      // What an order shows below a covered folder needs a place there.
      for (const bind of found.values())
        if (bind.at !== place && isWithin(bind.at, place)) makePlace(source, place, bind);
    } else writeFileSync(source, "");
    found.set(place, { source, at: place, writable: false });
  }
  return [...found.values()];
}

function makePlace(source: string, place: string, bind: Bind): void {
  const at = join(source, posix.relative(place, bind.at));
  mkdirSync(dirname(at), { recursive: true });
  if (statSync(bind.source).isDirectory()) mkdirSync(at, { recursive: true });
  else writeFileSync(at, "");
}

function mountedBelow({ source, at, writable }: Bind): Bind[] {
  const real = realpathSync(source);
  return parseMountInfo(readFileSync("/proc/self/mountinfo", "utf8"))
    .filter((mount) => mount.at !== real && isWithin(mount.at, real))
    .map((mount) => ({ source: mount.at, at: posix.join(at, posix.relative(real, mount.at)), writable }));
}

/** Links to what is shown, named by number. */
function named(folder: string, binds: readonly Bind[]): Bind[] {
  const links = join(folder, "shown");
  mkdirSync(links);
  return binds.map((bind, number) => {
    const source = join(links, String(number));
    symlinkSync(realpathSync(bind.source), source);
    return { ...bind, source };
  });
}

/** The name of a GPU in the Container Device Interface, under which its vendor's tool has described it. */
function deviceName({ kind, index }: Gpu): string {
  if (kind === "nvidia" || kind === "amd") return `${kind}.com/gpu=${index}`;
  throw new UserError(
    `Whetstone cannot hand a GPU of ${kind === "wsl" ? "WSL" : "this kind"} to a container`,
    "leave `image` out: at L2 the run gets it",
  );
}

/** The limit that podman sets by default, or this user's own limit where that is lower. */
function userProcesses(): number {
  const most = 32_768;
  const own = Number(/^Max processes\s+\S+\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]);
  return own < most ? own : most;
}

function sampled(numberFile: string, pageSize: number) {
  const number = containerNumber(numberFile);
  const nothing = { processes: 0, bytes: 0, folders: [], newest: null, cpuMs: 0 };
  return number === null ? nothing : sampleContainer(number, pageSize);
}

function containerNumber(file: string): string | null {
  try {
    const number = readFileSync(file, "utf8").trim();
    return /^[0-9a-f]{64}$/.test(number) ? number : null;
  } catch {
    return null;
  }
}

function changeTime(file: string): bigint {
  return statSync(file, { bigint: true }).ctimeNs;
}

/** An engine whose client is killed while it makes the container may finish making it a moment later. */
async function endContainer(engine: Engine, { name, numberFile }: Container): Promise<void> {
  const wasMade = containerNumber(numberFile) !== null;
  await askEngine(engine.program, removeArguments(engine, [name]));
  if (wasMade) return;
  await pause(500);
  await askEngine(engine.program, removeArguments(engine, [name]));
}
