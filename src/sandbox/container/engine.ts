import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { ContractError, UserError } from "../../errors.ts";
import { askEngine } from "./client.ts";
import { type EngineKind, type EngineName, infoArguments, inspectArguments } from "./commandLine.ts";

/** An engine that answers. */
export interface Engine extends EngineKind {
  /** Its program, absolute. */
  program: string;
  version: string;
}

/** An image that an engine holds. */
export interface Image {
  /** As the contract names it. */
  name: string;
  /** `sha256:` and 64 hexadecimal digits. */
  number: string;
  /** Folders that it declares as volumes, for which an engine would make writable ones. */
  volumes: string[];
}

/**
 * The engine that holds an image: one without rights of root before one with them, podman before docker.
 *
 * @throws UserError when no engine answers.
 * @throws ContractError when none of them holds the image.
 */
export async function findImage(name: string): Promise<{ engine: Engine; image: Image }> {
  const looked = await Promise.all([lookAt("podman"), lookAt("docker")]);
  const engines = looked
    .flatMap((each) => (typeof each === "string" ? [] : [each]))
    .sort((a, b) => Number(b.rootless) - Number(a.rootless));
  if (engines.length === 0)
    throw new UserError(
      `program.md names an image, and no container engine works here: ${looked.map(String).join("; ")}`,
      "install podman (apt install podman) or start docker, and pull the image; without an engine, leave `image` out",
    );
  const missing: string[] = [];
  for (const engine of engines) {
    const said = await askEngine(engine.program, inspectArguments(name));
    const image = said.succeeded ? imageOf(name, said.output) : null;
    if (image) return { engine, image };
    missing.push(`${engine.name}: ${said.complaint || "it gives no reason"}`);
  }
  throw new ContractError(
    ["image"],
    `the image ${name} is not here, and Whetstone pulls none (${missing.join("; ")})`,
    engines.map((engine) => `${engine.name} pull ${name}`).join(", or "),
  );
}

/** The engine of this name; a string says why it cannot be used. */
async function lookAt(name: EngineName): Promise<Engine | string> {
  const program = onPath(name);
  if (program === null) return `${name} is not installed`;
  const said = await askEngine(program, infoArguments);
  const facts = said.succeeded ? engineOf(name, said.output) : null;
  if (facts === null) return `${name} does not answer (${said.complaint || "its `info` cannot be read"})`;
  return typeof facts === "string" ? facts : { ...facts, program };
}

/** Engines that answer, for what has to be looked for in each of them. */
export async function findEngines(): Promise<Engine[]> {
  const looked = await Promise.all([lookAt("podman"), lookAt("docker")]);
  return looked.filter((each) => typeof each !== "string");
}

/** What `info` says of an engine; null where it cannot be read, a string where it cannot be used. */
export function engineOf(name: EngineName, text: string): Omit<Engine, "program"> | string | null {
  const info = parsed(text) as PodmanInfo & DockerInfo;
  if (info === null || typeof info !== "object") return null;
  if (name === "podman") {
    if (info.host === undefined) return null;
    if (info.host.serviceIsRemote)
      return "podman runs on another machine, which does not have the lab's files";
    const { rootless = false, selinuxEnabled = false } = info.host.security ?? {};
    return { name, version: info.version?.Version ?? "", rootless, hasLabels: selinuxEnabled };
  }
  // A `docker` that is podman's own answers as podman does; it is found under its name.
  if (info.host !== undefined) return "docker is podman here";
  if (info.ServerVersion === undefined || (info.ServerErrors?.length ?? 0) > 0)
    return `docker does not answer${info.ServerErrors?.[0] ? ` (${info.ServerErrors[0]})` : ""}`;
  const options = info.SecurityOptions ?? [];
  const has = (option: string) => options.some((each) => each.split(",").includes(`name=${option}`));
  return { name, version: info.ServerVersion, rootless: has("rootless"), hasLabels: has("selinux") };
}

interface PodmanInfo {
  host?: { serviceIsRemote?: boolean; security?: { rootless?: boolean; selinuxEnabled?: boolean } };
  version?: { Version?: string };
}

interface DockerInfo {
  ServerVersion?: string;
  ServerErrors?: string[] | null;
  SecurityOptions?: string[] | null;
}

/** What `image inspect` says; null where it cannot be read. Podman leaves `sha256:` out. */
export function imageOf(name: string, text: string): Image | null {
  const [found] = (parsed(text) ?? []) as {
    Id?: string;
    Config?: { Volumes?: Record<string, unknown> | null };
  }[];
  const number = /^(?:sha256:)?([0-9a-f]{64})$/.exec(found?.Id ?? "")?.[1];
  if (number === undefined) return null;
  return { name, number: `sha256:${number}`, volumes: Object.keys(found?.Config?.Volumes ?? {}) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function onPath(program: string): string | null {
  for (const folder of (process.env.PATH ?? "").split(":")) {
    if (!folder.startsWith("/")) continue;
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here.
    }
  }
  return null;
}
