import type { Layout } from "./found.ts";

/** Cargo: benches of Criterion or the compiler's own, and tests. */
export const cargo: Layout = async (folder, found) => {
  if (!folder.has("Cargo.toml")) return;
  if (folder.has("benches"))
    found.run ??= { value: "cargo bench --offline", from: "Cargo.toml and benches/" };
  if (folder.has("src")) found.change ??= { value: "src/**/*.rs", from: "Cargo.toml" };
  found.checks ??= { value: "cargo test --offline", from: "Cargo.toml" };
};

/** Go: benchmarks and tests beside the sources. */
export const go: Layout = async (folder, found) => {
  if (!folder.has("go.mod")) return;
  const sources = folder.names.filter((name) => name.endsWith(".go"));
  const tests = sources.filter((name) => name.endsWith("_test.go"));
  for (const name of tests)
    if (/^func Benchmark/m.test(await folder.read(name)))
      found.run ??= { value: "go test -run=NONE -bench=.", from: name };
  const own = sources.filter((name) => !tests.includes(name));
  if (own.length > 0) found.change ??= { value: own.join(", "), from: "go.mod" };
  if (tests.length > 0) found.checks ??= { value: "go test ./...", from: "go.mod" };
};
