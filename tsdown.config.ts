import { defineConfig } from "tsdown";

export default defineConfig({
  entry: { index: "src/index.ts", cli: "src/cli/main.ts" },
  format: "esm",
  fixedExtension: false,
  platform: "node",
  target: "node22.18",
  dts: true,
  clean: true,
});
