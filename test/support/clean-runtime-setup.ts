import { reset } from "cloudflare:test";
import { afterAll, vi } from "vitest";

/** Vitest setup file: a test file leaves no spy, stopped clock, object or socket to the next one in its runtime. */

afterAll(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await reset();
});
