import { posix } from "node:path";
import { isWithin } from "../paths.ts";
import { isSystem, namesIn, type Showing, textOf } from "./showing.ts";

/** What a version manager needs besides the folder that PATH names. */
export interface Managed {
  /** Variables that tell it where its files are: a run's home is not the user's. */
  env: Record<string, string>;
  /** Folders that stand before the entry: the programs that its stand-ins would start. */
  before: string[];
  /** Files of the user's home, relative to it, that are shown in the run's home as well. */
  homeFiles: string[];
}

type Environment = Record<string, string | undefined>;

const nothing: Managed = { env: {}, before: [], homeFiles: [] };

/** What a PATH entry asks for by the version manager to which it belongs; shows that manager's own files. */
export function managed(entry: string, showing: Showing, home: string, user: Environment): Managed {
  const folder = posix.dirname(entry);
  if (posix.basename(entry) === "shims") return shims(folder, showing, user);
  if (posix.basename(entry) !== "bin") return nothing;
  const names = namesIn(entry);
  if (names.includes("cargo") || names.includes("rustup")) return cargo(folder, showing, home, user);
  if (names.includes("volta") && names.includes("volta-shim")) return volta(folder, showing);
  return nothing;
}

const managerParts = [
  ...["shims", "versions", "installs", "plugins", "bin", "lib", "libexec", "completions", "version"],
  ...["defaults", "asdf.sh", "pyenv.d", "rbenv.d", "nodenv.d", "src"],
];

/** pyenv and its kin, asdf and mise: stand-ins that look up which version a folder asks for. */
function shims(root: string, showing: Showing, user: Environment): Managed {
  const names = namesIn(root);
  if (!names.includes("versions") && !names.includes("installs")) return nothing;
  showing.showParts(root, managerParts);
  const kin = namesIn(posix.join(root, "libexec")).find((name) => /^(?:py|rb|nod|go|j)env$/.test(name));
  if (kin !== undefined) {
    const name = kin.toUpperCase();
    return { ...nothing, env: { [`${name}_ROOT`]: root, ...taken(user, [`${name}_VERSION`]) } };
  }
  if (posix.basename(root) === "mise")
    return { ...nothing, env: { MISE_DATA_DIR: root, MISE_TRUSTED_CONFIG_PATHS: "/w" } };
  if (user.ASDF_DIR !== undefined) showing.showParts(user.ASDF_DIR, managerParts);
  const env = { ASDF_DATA_DIR: root, ...taken(user, ["ASDF_DIR"]) };
  return { ...nothing, env, homeFiles: [".tool-versions", ".asdfrc"] };
}

/** Cargo's downloaded packages, so that `cargo build --offline` works, and the compilers of rustup. */
function cargo(root: string, showing: Showing, home: string, user: Environment): Managed {
  if (isSystem(root)) return nothing;
  const cargoHome =
    user.CARGO_HOME ?? (posix.basename(root) === ".cargo" ? root : posix.join(home, ".cargo"));
  showing.showParts(cargoHome, ["bin", "registry", "git"]);
  const config = posix.join(cargoHome, "config.toml");
  if (!/token|password|credential/i.test(textOf(config) ?? "token")) showing.show(config);
  const env: Record<string, string> = { CARGO_HOME: cargoHome };
  const rustup = user.RUSTUP_HOME ?? posix.join(home, ".rustup");
  if (namesIn(rustup).includes("toolchains")) {
    showing.showParts(rustup, ["toolchains", "settings.toml", "update-hashes"]);
    // Linked toolchains lie elsewhere.
    showing.showTargets(posix.join(rustup, "toolchains"));
    env.RUSTUP_HOME = rustup;
  }
  return { ...nothing, env: { ...env, ...taken(user, ["RUSTUP_TOOLCHAIN"]) } };
}

/** Volta's stand-ins write beside themselves; the version that the user has set is put before them. */
function volta(root: string, showing: Showing): Managed {
  showing.showParts(root, ["bin", "tools", "hooks.json"]);
  const platform = textOf(posix.join(root, "tools/user/platform.json"));
  const version = /"runtime"\s*:\s*"([\d.]+)"/.exec(platform ?? "")?.[1];
  const image = version === undefined ? null : posix.join(root, "tools/image/node", version, "bin");
  return { ...nothing, env: { VOLTA_HOME: root }, before: image === null ? [] : [image] };
}

/** Go's downloaded modules, read-only, where Go itself is there. */
export function goModules(showing: Showing, home: string, user: Environment): Record<string, string> {
  const path = (user.GOPATH ?? posix.join(home, "go")).split(":")[0] as string;
  const modules = user.GOMODCACHE ?? posix.join(path, "pkg/mod");
  return showing.show(modules) ? { GOMODCACHE: modules } : {};
}

/** What `pip install --user` has put below the home folder: the shell's own Python finds it there. */
export function userPackages(showing: Showing, home: string, user: Environment): Record<string, string> {
  const base = user.PYTHONUSERBASE ?? posix.join(home, ".local");
  const versions = namesIn(posix.join(base, "lib")).filter((name) => /^python3\.\d+$/.test(name));
  const shown = versions.filter((name) => showing.show(posix.join(base, "lib", name, "site-packages")));
  return shown.length > 0 ? { PYTHONUSERBASE: base } : {};
}

/** Variables of a user's environment that name an installation, where that is shown. */
export function installations(showing: Showing, user: Environment): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of ["JAVA_HOME", "GOROOT", "CONDA_PREFIX"]) {
    const root = user[name];
    if (root === undefined || !root.startsWith("/")) continue;
    if (isSystem(root)) {
      env[name] = root;
      continue;
    }
    showing.showPrefixOf(posix.join(root, "bin"));
    if (showing.shown.paths.some((path) => isWithin(path, root))) env[name] = root;
  }
  return env;
}

function taken(user: Environment, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (user[name] === undefined ? [] : [[name, user[name] as string]])),
  );
}
