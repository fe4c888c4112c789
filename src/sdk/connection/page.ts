/** The page around a connection. */

/** What happens to the page. */
export type PageInput =
  | { type: "online"; isOnline: boolean }
  | { type: "visible"; isVisible: boolean }
  /** The browser freezes the page or puts it into the back-forward cache, and later resumes it. */
  | { type: "suspend" }
  | { type: "resume" };

/** Global objects, all optional: Node, Bun and Workers have no page and only some of the others. */
export const platform: Partial<typeof globalThis> = globalThis;

/**
 * Reports the page's network, visibility and lifecycle: first the current state, then every change.
 * @returns A function that stops this.
 */
export function watchPage(onInput: (input: PageInput) => void): () => void {
  const { document, navigator } = platform;
  const stop = new AbortController();
  const watch = (target: Partial<EventTarget> | undefined, listeners: Record<string, () => void>) => {
    for (const type in listeners) {
      // `stop` serves as options: it has a `signal`.
      target?.addEventListener?.(type, listeners[type] ?? null, stop);
    }
  };
  const online = () => onInput({ type: "online", isOnline: navigator?.onLine !== false });
  const visibilitychange = () => onInput({ type: "visible", isVisible: document?.visibilityState !== "hidden" });
  const suspend = () => onInput({ type: "suspend" });
  const resume = () => onInput({ type: "resume" });
  // Back-forward cache: a page with an open socket may not enter it.
  watch(platform, { online, offline: online, pagehide: suspend, pageshow: resume });
  // Page Lifecycle API: Chrome freezes background tabs.
  watch(document, { visibilitychange, freeze: suspend, resume });
  visibilitychange();
  online();
  return () => stop.abort();
}
