import { defineConfig } from "tsdown";

export default defineConfig({
  entry: { index: "src/index.ts", cli: "src/cli/main.ts", forward: "src/agents/relay/forward.ts" },
  format: "esm",
  fixedExtension: false,
  platform: "node",
  target: "node22.18",
  // Hundreds of small files: inlined and shaken, opening the ledger costs 10 ms instead of 70.
  deps: { alwaysBundle: ["kysely"], onlyBundle: ["kysely"] },
  dts: true,
  clean: true,
});
