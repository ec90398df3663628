import { defineConfig } from "tsdown";

// Hundreds of small files: inlined and shaken, they are read in a fraction of the time, at every start.
const bundled = ["kysely", "commander", "zod", "yaml"];

export default defineConfig({
  entry: { index: "src/index.ts", cli: "src/cli/main.ts", forward: "src/agents/relay/forward.ts" },
  format: "esm",
  fixedExtension: false,
  platform: "node",
  target: "node22.18",
  deps: { alwaysBundle: bundled, onlyBundle: bundled },
  dts: true,
  clean: true,
});
