import { reset } from "cloudflare:test";
import { afterAll, vi } from "vitest";

/** Vitest setup file: a test file leaves no spy, stopped clock, object or socket to the next one in its runtime. */

// Not at the end of the file before, whose last counts may then still be on their way to the registry.
await reset();

afterAll(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});
