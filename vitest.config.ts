import { cloudflareTest } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";
import { LOW_LIMITS } from "./test/support/low-limits.ts";
import { TEST_ENV } from "./test/support/test-env.ts";

/** No test measures time with these: a machine may be slow, and what never comes must not be waited for for ever. */
const PATIENCE = { testTimeout: 60_000, hookTimeout: 60_000 };

/** Judges every line that the service prints while these tests run. */
const GUARD = ["./test/support/log-guard-setup.ts"];

export default defineConfig({
  test: {
    // Many of the tests that run processes of their own wait most of the time.
    maxWorkers: 3,
    // Judges what the runtime prints by itself, and whatever else reaches the terminal.
    globalSetup: ["./test/support/output-guard-setup.ts"],
    // The service's own lines are judged where they are printed; shown, they would bury what the tests say.
    onConsoleLog: (text) => !/^\{"level":"(info|warn)"/.test(text),
    projects: [
      {
        // The service through its URL, inside workerd, as wrangler.toml has it.
        plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" }, miniflare: { bindings: TEST_ENV } })],
        test: { ...PATIENCE, name: "spec", include: ["test/spec/**/*.test.ts"], setupFiles: GUARD },
      },
      {
        // The same with limits so low that a test reaches them.
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: { bindings: { ...TEST_ENV, ...LOW_LIMITS.settings }, ratelimits: LOW_LIMITS.rates },
          }),
        ],
        test: { ...PATIENCE, name: "limits", include: ["test/limits/**/*.test.ts"], setupFiles: GUARD },
      },
      {
        // Pure modules, the command line and the documents, in Node.
        test: { ...PATIENCE, name: "unit", include: ["test/unit/**/*.test.ts"] },
      },
      {
        // The SDK: its pure parts, and against the service in the bare runtime.
        test: { ...PATIENCE, name: "sdk", include: ["test/sdk/**/*.test.ts"] },
      },
      {
        // The SDK in a real Chromium.
        test: { ...PATIENCE, name: "browser", include: ["test/browser/**/*.test.ts"] },
      },
      {
        // Failures of real processes: the bare runtime, killed and started again.
        test: { ...PATIENCE, name: "chaos", include: ["test/chaos/**/*.test.ts"] },
      },
    ],
  },
});
