/** Words of a shell command that may be paths. */
const words = /[^\s'"`;&|<>()=]+/g;
const packageScripts = /(?:^|[\s;&|(])(?:npm|pnpm|yarn|npx|bun)(?:\s|$)/;
const testRunners =
  /\b(?:npm|pnpm|yarn|bun|deno|node|go|cargo|mix|make|dotnet)\s+(?:run\s+)?(?:--)?test\b|\b(?:vitest|jest|mocha|pytest|ava|tap|phpunit|rspec|ctest)\b/i;
const testFiles =
  /(?:^|\/)(?:tests?|__tests__|spec)\/|(?:^|\/)test_[^/]*\.py$|(?:^|\/)conftest\.py$|[._-](?:test|spec)\.[^/.]+$/;

/**
 * Of some paths those whose contents a check's command may come to its verdict by: files that it names, `package.json` where
 * it runs a script, test files where it runs tests. By names alone: what a program reads besides is not seen.
 */
export function judgingFiles(command: string, paths: readonly string[]): string[] {
  const named = new Set((command.match(words) ?? []).map((word) => word.replace(/^(?:\.\/)+/, "")));
  const scripts = packageScripts.test(command);
  const tests = testRunners.test(command);
  return paths.filter(
    (path) =>
      named.has(path) ||
      (scripts && (path === "package.json" || path.endsWith("/package.json"))) ||
      (tests && testFiles.test(path)),
  );
}
