import { type MockInstance, vi } from "vitest";

/** The service's own lines of a level, as they are printed from here on; undo with `vi.restoreAllMocks()`. */
export function logLines(level: "info" | "warn" | "error"): () => Record<string, unknown>[] {
  const print = console[level];
  // What listened before, the guard of the log among it, still hears every line.
  const spy: MockInstance<typeof print> = vi.spyOn(console, level).mockImplementation(print);
  return () =>
    spy.mock.calls
      .map(([line]) => String(line))
      .filter((line) => line.startsWith('{"level":'))
      .map((line) => JSON.parse(line));
}
