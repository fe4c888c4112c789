import { onTestFinished, vi } from "vitest";
import { effectScope } from "vue";

/** Runs composables as a component of a page does, until the test ends. */
export function inPage<T>(setup: () => T): T {
  // Without a document, the hooks do not connect.
  vi.stubGlobal("document", {});
  const scope = effectScope();
  onTestFinished(() => {
    scope.stop();
    vi.unstubAllGlobals();
  });
  // A scope that is active always runs its function.
  return scope.run(setup) as T;
}
