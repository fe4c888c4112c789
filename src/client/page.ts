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
  const online = (isOnline: boolean) => (): PageInput => ({ type: "online", isOnline });
  const visible = (): PageInput => ({ type: "visible", isVisible: document?.visibilityState !== "hidden" });
  const sleep = (): PageInput => ({ type: "sleep" });
  const wake = (): PageInput => ({ type: "wake" });
  const listeners: [typeof globals.document, string, () => PageInput][] = [
    [undefined, "online", online(true)],
    [undefined, "offline", online(false)],
    // A page in the back-forward cache may keep no socket.
    [undefined, "pagehide", sleep],
    [undefined, "pageshow", wake],
    [document, "freeze", sleep],
    [document, "resume", wake],
    [document, "visibilitychange", visible],
  ];
  const watching = new AbortController();
  for (const [target = globals, name, input] of listeners)
    target.addEventListener?.(name, () => onInput(input()), watching);
  // Both, because they may have changed since the page was watched last.
  onInput(visible());
  onInput(online(navigator?.onLine !== false)());
  return () => watching.abort();
}
