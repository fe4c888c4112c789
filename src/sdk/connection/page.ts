/** What a page tells of itself. All of it is missing in Node and Workers, and nothing is read when this is loaded. */

interface PageGlobals {
  addEventListener(type: string, listener: () => void, options: { signal: AbortSignal }): void;
  document: Pick<PageGlobals, "addEventListener"> & { visibilityState: string };
  navigator: { onLine?: boolean };
  location: { origin: string };
}

// The types of Workers, Node and browsers disagree about what is global; all of it is optional here.
export const globals = globalThis as unknown as Partial<PageGlobals>;

/** What happens to a page, in the words of the state machine. */
export type PageInput =
  | { type: "online"; isOnline: boolean }
  | { type: "visible"; isVisible: boolean }
  | { type: "sleep" | "wake" };

/**
 * Watches the page.
 * @returns What ends that.
 */
export function watchPage(onInput: (input: PageInput) => void): () => void {
  const { document, navigator } = globals;
  const watching = new AbortController();
  const on = (target: typeof globals, name: string, listener: () => void) =>
    target.addEventListener?.(name, listener, watching);
  const online = (isOnline: boolean) => onInput({ type: "online", isOnline });
  const visible = () => onInput({ type: "visible", isVisible: document?.visibilityState !== "hidden" });
  const sleep = () => onInput({ type: "sleep" });
  const wake = () => onInput({ type: "wake" });
  on(globals, "online", () => online(true));
  on(globals, "offline", () => online(false));
  // A page in the back-forward cache may keep no socket.
  on(globals, "pagehide", sleep);
  on(globals, "pageshow", wake);
  if (document) {
    on(document, "freeze", sleep);
    on(document, "resume", wake);
    on(document, "visibilitychange", visible);
  }
  // Both, because they may have changed since the page was watched last.
  visible();
  online(navigator?.onLine !== false);
  return () => watching.abort();
}
