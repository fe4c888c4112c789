/** What a page tells of itself. All of it is missing in Node and Workers, and nothing is read when this is loaded. */

interface PageGlobals {
  addEventListener(type: string, listener: (event: Event) => void): void;
  removeEventListener(type: string, listener: (event: Event) => void): void;
  document: Pick<PageGlobals, "addEventListener" | "removeEventListener"> & { visibilityState: string };
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
  const listeners: [typeof globals.document, string, () => PageInput][] = [
    [undefined, "online", () => ({ type: "online", isOnline: true })],
    [undefined, "offline", () => ({ type: "online", isOnline: false })],
    // A page in the back-forward cache may keep no socket.
    [undefined, "pagehide", () => ({ type: "sleep" })],
    [undefined, "pageshow", () => ({ type: "wake" })],
    [document, "freeze", () => ({ type: "sleep" })],
    [document, "resume", () => ({ type: "wake" })],
    [document, "visibilitychange", () => ({ type: "visible", isVisible: document?.visibilityState !== "hidden" })],
  ];
  const undo = listeners.map(([target = globals, name, input]) => {
    const listener = () => onInput(input());
    target.addEventListener?.(name, listener);
    return () => target.removeEventListener?.(name, listener);
  });
  // Both, because they may have changed since the page was watched last.
  onInput({ type: "visible", isVisible: document?.visibilityState !== "hidden" });
  onInput({ type: "online", isOnline: navigator?.onLine !== false });
  return () => {
    for (const one of undo) one();
  };
}
