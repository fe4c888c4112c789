import type { PageInput } from "./machine-state.ts";

/** The page around a connection. */

/** Global objects, all optional: Node, Bun and Workers have no page and only some of the others. */
export const platform: Partial<typeof globalThis> = globalThis;

/**
 * Reports the page's network, visibility and lifecycle: first the current state, then every change.
 * @returns A function that stops this.
 */
export function watchPage(onInput: (input: PageInput) => void): () => void {
  const { document, navigator } = platform;
  const stop = new AbortController();
  // `stop` serves as options: it has a `signal`.
  const on = (target: Partial<EventTarget> | undefined, type: string, listener: () => void) =>
    target?.addEventListener?.(type, listener, stop);
  const reportOnline = (isOnline: boolean) => onInput({ type: "online", isOnline });
  const reportVisible = () => onInput({ type: "visible", isVisible: document?.visibilityState !== "hidden" });
  const suspend = () => onInput({ type: "suspend" });
  const resume = () => onInput({ type: "resume" });
  on(platform, "online", () => reportOnline(true));
  on(platform, "offline", () => reportOnline(false));
  // Back-forward cache: a page with an open socket may not enter it.
  on(platform, "pagehide", suspend);
  on(platform, "pageshow", resume);
  // Page Lifecycle API: Chrome freezes background tabs.
  on(document, "freeze", suspend);
  on(document, "resume", resume);
  on(document, "visibilitychange", reportVisible);
  reportVisible();
  reportOnline(navigator?.onLine !== false);
  return () => stop.abort();
}
