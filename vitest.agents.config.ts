import { defineConfig } from "vitest/config";

/** The real agents, which are large: `npm run test:agents` installs and runs them. */
export default defineConfig({
  test: {
    include: ["tests/agents/**/*.test.ts"],
    exclude: ["**/node_modules/**"],
    globalSetup: ["tests/globalSetup.ts"],
    testTimeout: 300_000,
    // They mostly wait.
    maxConcurrency: 4,
  },
});
