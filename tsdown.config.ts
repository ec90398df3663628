import { defineConfig } from "tsdown";

// Hundreds of small files: inlined and shaken, they are read in a fraction of the time, at every start.
const library = ["kysely", "zod", "yaml"];
const program = [
  ...["kysely", "commander", "zod", "yaml", "diff", "picocolors", "picomatch"],
  ...["fast-string-width", "fast-string-truncated-width"],
];

const both = { fixedExtension: false, platform: "node", target: "node22.18" } as const;

export default defineConfig([
  {
    ...both,
    entry: {
      ...{ index: "src/index.ts", forward: "src/agents/relay/forward.ts" },
      doorkeeper: "src/sandbox/doorkeeper.ts",
      hatch: "src/hatch/client.ts",
    },
    format: "esm",
    deps: { alwaysBundle: library, onlyBundle: library },
    dts: true,
  },
  // Nobody imports a program: as CommonJS it starts in two thirds of the time that modules take to be linked.
  {
    ...both,
    entry: { cli: "src/cli/main.ts" },
    format: "cjs",
    deps: { alwaysBundle: program, onlyBundle: program },
    dts: false,
    // Nobody reads it, and a third of Kysely is the documentation of its methods: that would be read at each start.
    outputOptions: { comments: { jsdoc: false, annotation: false, legal: true } },
    // The advice to take ESM is for packages that are imported.
    checks: { legacyCjs: false },
  },
]);
