/** What Whetstone itself sets for a run; a contract cannot set them, and those of an `envFile` are passed over. */
export const reservedVariables: ReadonlySet<string> = new Set([
  "PATH",
  "HOME",
  "TMPDIR",
  "SEED",
  "SECRET",
  "STAGE",
  "OUT",
  "CANDIDATE",
]);
