/** What an installation prefix holds that its programs need, whatever they are. */
const usual = [
  ...["bin", "sbin", "lib", "lib64", "lib32", "libexec", "include", "share", "ssl", "pyvenv.cfg"],
  // A Java home; Go's root; Homebrew's prefix.
  ...["conf", "jmods", "legal", "release", "pkg", "src", "go.env", "VERSION", "Cellar", "opt"],
];
/** Below `~/.local` lie keyrings and the data of every program: its programs and their libraries alone. */
const local = ["bin", "lib", "lib64", "include"];
/** Other environments and the packages that they were made from. */
const notOfThisEnvironment = ["envs", "pkgs"];

export type PrefixKind = "conda" | "toolchain" | "other";

/**
 * What kind of installation a folder with programs is, by the names in it and in its `bin` and `lib`: a Conda
 * environment is shown as it is, a toolchain by its parts, any other by its parts without what looks like a secret.
 */
export function kindOfPrefix(
  names: readonly string[],
  programs: readonly string[],
  libraries: readonly string[],
) {
  const has = (name: string) => names.includes(name);
  if (has("conda-meta")) return "conda" satisfies PrefixKind;
  const known = ["node", "cargo", "rustc", "go", "java", "javac", "brew", "ruby", "julia", "deno", "bun"];
  const isToolchain =
    has("pyvenv.cfg") ||
    programs.some((name) => known.includes(name) || /^(python|pypy|ruby|perl)[\d.]*$/.test(name)) ||
    libraries.some((name) => name === "node_modules" || /^(python|pypy|ruby|perl5|jvm)[\d.]*$/.test(name));
  return (isToolchain ? "toolchain" : "other") satisfies PrefixKind;
}

/** Names below a prefix that are shown. */
export function shownParts(kind: PrefixKind, names: readonly string[], isLocal: boolean): string[] {
  if (isLocal) return local.filter((name) => names.includes(name));
  if (kind === "conda")
    return names.filter((name) => !name.startsWith(".") && !notOfThisEnvironment.includes(name));
  return usual.filter((name) => names.includes(name));
}
