import { cloudflareTest } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";
import { LOW_LIMITS } from "./test/support/low-limits.ts";
import { TEST_ENV } from "./test/support/test-env.ts";

/** Generous, because no test measures time with these: they only end tests that hang. */
const TIMEOUTS = { testTimeout: 60_000, hookTimeout: 60_000 };
/** For tests that run for minutes on a slow machine. */
const LONG_TIMEOUTS = { testTimeout: 900_000, hookTimeout: 240_000 };
/**
 * For files that share modules and, inside workerd, a runtime whose storage is emptied between them: a runtime for each
 * would take longer to start than most of them run.
 */
const SHARED = { ...TIMEOUTS, isolate: false };

type WorkersPoolOptions = Exclude<Parameters<typeof cloudflareTest>[0], CallableFunction>;
/** The service inside workerd, configured as in wrangler.toml. */
const workers = (miniflare: WorkersPoolOptions["miniflare"] = {}) =>
  cloudflareTest({ wrangler: { configPath: "./wrangler.toml" }, miniflare: { bindings: TEST_ENV, ...miniflare } });

const WORKER_SETUP = [
  "./test/support/leak-guard/worker-setup.ts",
  "./test/support/short-pauses-setup.ts",
  "./test/support/clean-runtime-setup.ts",
];

/** Tests of the service that change its shards, or count its calls, rows or sockets: each in a runtime of its own. */
const COUNTING_TESTS = [
  "shard*",
  "budgets",
  "health",
  "jurisdiction",
  "listener-counts*",
  "logged-faults",
  "lost-connections",
  "metrics",
  "named-services",
  "no-trace",
  "odd-requests",
].map((name) => `test/spec/${name}.test.ts`);

/** SDK tests that kill the service many times or open thousands of sockets. */
const LONG_SDK_TESTS = ["test/sdk/reconnects.test.ts", "test/sdk/storm.test.ts"];

export default defineConfig({
  test: {
    // Twice the two cores, because tests that start processes mostly wait for them.
    maxWorkers: 4,
    // Checks the runtime's own output, and everything else that reaches the terminal.
    globalSetup: ["./test/support/leak-guard/run-setup.ts"],
    // Hides the service's log lines, which would bury the results; they are checked where they are printed.
    onConsoleLog: (text) => !/^\{"level":"(info|warn)"/.test(text),
    projects: [
      // `npm test`
      {
        // The service through its URL.
        plugins: [workers()],
        test: {
          ...SHARED,
          name: "spec",
          include: ["test/spec/**/*.test.ts"],
          exclude: COUNTING_TESTS,
          setupFiles: WORKER_SETUP,
        },
      },
      {
        // The same, each file in a runtime of its own.
        plugins: [workers()],
        test: { ...TIMEOUTS, name: "counts", include: COUNTING_TESTS, setupFiles: WORKER_SETUP },
      },
      {
        // The same, with limits low enough for tests to reach them and count what they refuse.
        plugins: [workers({ bindings: { ...TEST_ENV, ...LOW_LIMITS.settings }, ratelimits: LOW_LIMITS.rates })],
        test: {
          ...TIMEOUTS,
          name: "limits",
          include: ["test/limits/**/*.test.ts"],
          setupFiles: [...WORKER_SETUP, "./test/support/unending-limit-window-setup.ts"],
        },
      },
      {
        // Pure modules, the command line and the documents, in Node.
        test: { ...SHARED, name: "unit", include: ["test/unit/**/*.test.ts"] },
      },
      {
        // The SDK: its pure parts, and against the service in the bare runtime.
        test: { ...SHARED, name: "sdk", include: ["test/sdk/**/*.test.ts"], exclude: LONG_SDK_TESTS },
      },
      {
        // The service in the bare runtime, with a real Redis: short runs.
        test: { ...SHARED, name: "runtime", include: ["test/runtime/**/*.test.ts"] },
      },

      // `npm run test:chaos`
      {
        // Long runs: the bare runtime and Redis fail, are killed and restarted.
        test: { ...LONG_TIMEOUTS, name: "chaos", include: ["test/chaos/**/*.test.ts", ...LONG_SDK_TESTS] },
      },
      {
        // Many sockets inside workerd, whose counts must be right after some seconds: alone, after the others.
        plugins: [workers()],
        test: {
          ...LONG_TIMEOUTS,
          name: "load",
          include: ["test/load/**/*.test.ts"],
          setupFiles: WORKER_SETUP,
          sequence: { groupOrder: 1 },
          maxWorkers: 1,
        },
      },

      // `npm run test:browser`
      {
        // The SDK in a real Chromium and Firefox, and the demo in Chromium.
        test: { ...LONG_TIMEOUTS, name: "browser", include: ["test/browser/**/*.test.ts"] },
      },
      {
        // The service that Tidings replaces beside Tidings, with its pages in Chromium.
        test: { ...LONG_TIMEOUTS, name: "original", include: ["test/original/**/*.test.ts"] },
      },
    ],
  },
});
