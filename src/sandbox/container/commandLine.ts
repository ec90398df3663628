import { UserError } from "../../errors.ts";

export type EngineName = "podman" | "docker";

/** What is known of an engine before anything is run in it. */
export interface EngineKind {
  name: EngineName;
  /** Without rights of root: who breaks out of a container is the user. */
  rootless: boolean;
  /** SELinux keeps containers from the user's files unless it is told not to. */
  hasLabels: boolean;
}

/** A host path that a container sees. */
export interface Bind {
  /** Absolute host path. A name of Whetstone's own making: see `launchContainer`. */
  source: string;
  /** Absolute path in the container. */
  at: string;
  writable: boolean;
}

/** One container: everything that its command line says. Numbers are bytes where nothing else is said. */
export interface Container {
  /** Its name, by which it is ended. */
  name: string;
  /** The value of the label `whetstone.lab`, by which what was left behind is found. */
  lab: string;
  /** The image's number: `sha256:` and 64 hexadecimal digits. A name could be given to another image meanwhile. */
  image: string;
  /** File to which the engine writes the container's own number. */
  numberFile: string;
  uid: number;
  gid: number;
  /** Absolute path in the container. */
  workingFolder: string;
  /** Whether its standard input is the client's. */
  takesInput: boolean;
  binds: readonly Bind[];
  /** File systems in memory. */
  temporary: readonly { at: string; size: number }[];
  memory: number;
  /** Processes and threads together. */
  tasks: number;
  fileSize: number;
  /** The processors that it may use, by number; null: all. */
  processors: readonly number[] | null;
  /** Whether it reaches other machines, through the engine's own network. */
  network: boolean;
  /** GPUs by their names in the Container Device Interface: `nvidia.com/gpu=0`. */
  devices: readonly string[];
  /** Host path of a seccomp profile; null: the engine's own. */
  profile: string | null;
  /** The processes that the user may have in all. */
  userProcesses: number;
  /** Milliseconds after which podman ends it by itself, should Whetstone be gone by then. */
  time: number;
  /** Executed as it is. */
  command: readonly [string, ...string[]];
}

/** The label of every container that Whetstone starts. */
export const labLabel = "whetstone.lab";

/** Variables that an engine's client adds by itself: proxies, whose addresses may hold a password. */
export const proxyVariables = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"].flatMap(
  (name) => [name, name.toLowerCase()],
);

/**
 * The arguments of `podman` or `docker` that run a container: nothing is pulled, no network, a read-only root, no
 * capabilities, limits by control group. Nothing of the environment is said here: every user of the machine can read it.
 *
 * @throws UserError for a path that these command lines cannot say.
 */
export function runArguments(engine: EngineKind, container: Container): string[] {
  const flags: (readonly [name: string, value?: string])[] = [
    ["rm"],
    ["pull", "never"],
    ["name", plainName(container.name)],
    ["label", `${labLabel}=${plainName(container.lab)}`],
    ["cidfile", container.numberFile],
    ...(container.takesInput ? ([["interactive"]] as const) : []),
    ...network(engine, container),
    ["read-only"],
    ["cap-drop", "ALL"],
    ["security-opt", "no-new-privileges"],
    ...(container.profile === null ? [] : ([["security-opt", `seccomp=${container.profile}`]] as const)),
    // SELinux would refuse the folders that are shown, or have them labelled anew on the host.
    ...(engine.hasLabels ? ([["security-opt", "label=disable"]] as const) : []),
    ["ipc", "private"],
    ["hostname", "whetstone"],
    ["memory", size(container.memory)],
    // As much as the memory alone: no swap.
    ["memory-swap", size(container.memory)],
    ["shm-size", size(container.memory)],
    ["pids-limit", String(whole(container.tasks))],
    ...(container.processors === null
      ? []
      : ([["cpuset-cpus", container.processors.map(whole).join(",")]] as const)),
    ["ulimit", "core=0:0"],
    ["ulimit", "nofile=4096:4096"],
    ["ulimit", `fsize=${whole(container.fileSize)}:${whole(container.fileSize)}`],
    ...user(engine, container),
    ...container.temporary.map(({ at, size }) => ["tmpfs", temporary(at, size)] as const),
    ...container.binds.map((bind) => ["mount", mount(bind)] as const),
    ...container.devices.map((device) => ["device", device] as const),
    ...proxyVariables.map((name) => ["env", `${name}=`] as const),
    ["log-driver", "none"],
    ["no-healthcheck"],
    ...(engine.name === "podman" ? onlyPodman(container) : []),
    ["workdir", absolute(container.workingFolder)],
    ["entrypoint", container.command[0]],
  ];
  // One word for a flag with its value: no value can be taken for a flag.
  return [
    "run",
    ...flags.map(([name, value]) => (value === undefined ? `--${name}` : `--${name}=${value}`)),
    imageNumber(container.image),
    ...container.command.slice(1),
  ];
}

/** What docker has no flags for, and does by itself: no files in memory and no volumes but those that are asked for. */
function onlyPodman({ userProcesses, time }: Container): [name: string, value?: string][] {
  return [
    ["read-only-tmpfs", "false"],
    ["image-volume", "ignore"],
    ["http-proxy", "false"],
    ["systemd", "false"],
    // Its own default may be more than this user may have, which the kernel refuses.
    ["ulimit", `nproc=${whole(userProcesses)}:${whole(userProcesses)}`],
    ["timeout", String(Math.ceil(time / 1000) + 60)],
  ];
}

function network({ name }: EngineKind, { network: open }: Container): [string, string][] {
  if (!open) return [["network", "none"]];
  // Podman's own choice differs with and without rights of root.
  return name === "docker" ? [["network", "bridge"]] : [];
}

/** The user's own number, so that what a container writes is the user's. */
function user({ name, rootless }: EngineKind, { uid, gid }: Container): [string, string][] {
  const own = `${whole(uid)}:${whole(gid)}`;
  if (!rootless) return [["user", own]];
  // In docker's namespace the user has the number 0, and no other way to it.
  if (name === "docker") return [["user", "0:0"]];
  return [
    ["userns", "keep-id"],
    ["user", own],
  ];
}

function mount({ source, at, writable }: Bind): string {
  const fields = ["type=bind", `source=${sayable(source)}`, `destination=${sayable(absolute(at))}`];
  return [...fields, ...(writable ? [] : ["readonly"])].join(",");
}

function temporary(at: string, bytes: number): string {
  // Everything after the colon is options.
  if (at.includes(":")) throw unsayable(at);
  return `${sayable(absolute(at))}:rw,exec,nosuid,nodev,mode=1777,size=${whole(bytes)}`;
}

/** A comma ends a field of `--mount`; podman knows no way to quote one, nor a quotation mark or the end of a line. */
function sayable(path: string): string {
  if (!canBeSaid(path)) throw unsayable(path);
  return path;
}

/** Whether a path can be said on both engines' command lines. */
export function canBeSaid(path: string): boolean {
  return !/[,"\p{Cc}]/u.test(path);
}

function unsayable(path: string): UserError {
  return new UserError(
    `${JSON.stringify(path)} cannot be shown to a container: podman and docker cannot be told a path with such characters`,
    "rename it, or leave `image` out",
  );
}

function absolute(path: string): string {
  if (!path.startsWith("/")) throw new TypeError(`no absolute path: ${path}`);
  return path;
}

function plainName(name: string): string {
  if (!/^[a-zA-Z0-9][\w.-]*$/.test(name)) throw new TypeError(`no name for a container: ${name}`);
  return name;
}

function imageNumber(image: string): string {
  if (!/^sha256:[0-9a-f]{64}$/.test(image)) throw new TypeError(`no number of an image: ${image}`);
  return image;
}

function size(bytes: number): string {
  return `${whole(bytes)}b`;
}

function whole(number: number): number {
  if (!Number.isSafeInteger(number) || number < 0) throw new TypeError(`no whole number: ${number}`);
  return number;
}

/** Ends a container of this name, running or not, and takes its volumes with it. */
export function removeArguments({ name }: Pick<EngineKind, "name">, containers: readonly string[]): string[] {
  // Podman would first ask the container to end, and wait ten seconds.
  const atOnce = name === "podman" ? ["--time=0"] : [];
  return ["rm", "--force", "--volumes", ...atOnce, ...containers.map(plainName)];
}

/** Lists the containers of a lab by number, one a line. */
export function listArguments(lab: string): string[] {
  return ["ps", "--all", "--quiet", "--no-trunc", `--filter=label=${labLabel}=${plainName(lab)}`];
}

export function inspectArguments(image: string): string[] {
  return ["image", "inspect", image];
}

export const infoArguments = ["info", "--format={{json .}}"];
