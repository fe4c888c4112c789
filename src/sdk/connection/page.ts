/** The page around a connection. */

/** What happens to the page. */
export type PageInput =
  | { type: "online"; isOnline: boolean }
  | { type: "visible" | "hidden" }
  /** The browser freezes the page or puts it into the back-forward cache, and later resumes it. */
  | { type: "suspend" }
  | { type: "resume" };

/** Global objects, all optional: Node, Bun and Workers have no page and only some of the others. */
export const platform: Partial<typeof globalThis> = globalThis;

/**
 * Reports whether the page is online and visible, now and at every change, and when it is suspended and resumed.
 * @returns A function that stops the reports.
 */
export function watchPage(onInput: (input: PageInput) => void): () => void {
  const { document, navigator } = platform;
  const stop = new AbortController();
  // `stop` serves as options: it has a `signal`.
  const on = (target: Partial<EventTarget> | undefined, type: string, listener: () => void) =>
    target?.addEventListener?.(type, listener, stop);
  const reportOnline = (isOnline: boolean) => onInput({ type: "online", isOnline });
  const reportVisible = () => onInput({ type: document?.visibilityState ?? "visible" });
  const suspend = () => onInput({ type: "suspend" });
  const resume = () => onInput({ type: "resume" });
  on(platform, "online", () => reportOnline(true));
  on(platform, "offline", () => reportOnline(false));
  // A page with an open socket cannot enter the back-forward cache.
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
