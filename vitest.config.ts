import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "tests/**/*.test.ts", "labs/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/.whetstone/**", "tests/agents/**"],
    globalSetup: ["tests/globalSetup.ts"],
    // What hangs is ended at last; how fast a machine is that has other work is not for a test to say.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Most tests start processes and wait for them: a third of the processors' time is idle with a worker for each.
    maxWorkers: availableParallelism() + 2,
  },
});
