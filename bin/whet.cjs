#!/usr/bin/env node
// CommonJS and old syntax on purpose: this file must run on any Node to say that a newer one is needed.
"use strict";
var parts = process.versions.node.split(".").map(Number);
if (parts[0] < 22 || (parts[0] === 22 && parts[1] < 18)) {
  console.error(
    "whet needs Node 22.18 or newer; this is " +
      process.version +
      ".\n" +
      "Install one from https://nodejs.org, or in a project: npm install --save-dev node@24 (then use npx whet).",
  );
  process.exit(2);
}
if (process.platform === "win32") {
  console.error("whet runs on Linux and macOS; on Windows use it inside WSL.");
  process.exit(2);
}
require("node:module").enableCompileCache();
try {
  // In the sandbox of an agent that drives: what it may ask for is answered by the Whetstone outside.
  if (process.env.WHET_HATCH) require("../dist/hatch.js");
  else require("../dist/cli.cjs");
} catch (error) {
  if (error && error.code === "MODULE_NOT_FOUND" && /dist.cli/.test(String(error.message)))
    console.error("whet is not built yet: run npm run build.");
  else console.error(error);
  process.exit(1);
}
