import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "tests/**/*.test.ts", "labs/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/.whetstone/**", "tests/agents/**"],
    globalSetup: ["tests/globalSetup.ts"],
    testTimeout: 120_000,
    // By itself Vitest leaves one processor idle, which on two is half of them.
    maxWorkers: "100%",
  },
});
