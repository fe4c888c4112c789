import { cloudflareTest } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";
import { TEST_ENV } from "./test/support/test-env.ts";

export default defineConfig({
  test: {
    projects: [
      {
        // The service through its URL, inside workerd, as wrangler.toml has it.
        plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" }, miniflare: { bindings: TEST_ENV } })],
        test: { name: "spec", include: ["test/spec/**/*.test.ts"] },
      },
      {
        // Pure modules, the command line and the documents, in Node.
        test: { name: "unit", include: ["test/unit/**/*.test.ts"] },
      },
      {
        // Failures of real processes: the bare runtime, killed and started again.
        test: { name: "chaos", include: ["test/chaos/**/*.test.ts"] },
      },
    ],
  },
});
