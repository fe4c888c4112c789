/** What the test pages share: settings from the address, a socket counter, and a state that the test reads. */

/** The browser objects used here. The project's types cover only Workers and Node. */
interface Browser {
  document: { getElementById(id: string): Element & { textContent: string } };
  location: { hash: string };
  WebSocket: typeof WebSocket;
  page: object;
}
// Test pages run only in browsers.
const browser = globalThis as unknown as Browser;

export const settings = Object.fromEntries(new URLSearchParams(browser.location.hash.slice(1)));
export const setting = (name: string): string => {
  const value = settings[name];
  if (value === undefined) throw new Error(`the address has no ${name}`);
  return value;
};

// Without `visible`, the browser hides all tabs but one, which takes the socket over from a hidden one.
if (settings.visible !== undefined) Object.defineProperty(browser.document, "visibilityState", { value: "visible" });

const sockets: WebSocket[] = [];
browser.WebSocket = class extends browser.WebSocket {
  constructor(url: string, protocols?: string | string[]) {
    super(url, protocols);
    sockets.push(this);
    report({});
  }
};

export const countOpenSockets = () => sockets.filter(({ readyState }) => readyState === WebSocket.OPEN).length;

export const app = browser.document.getElementById("app");

let state: object = { status: "idle" };
/** Merges changes into the state that the test reads. */
export function report(changes: object): void {
  state = { ...state, ...changes };
  browser.document.getElementById("state").textContent = JSON.stringify({ ...state, sockets: sockets.length });
}

/** Exposes functions to the test (`SitePage.call`). */
export function expose(functions: object): void {
  browser.page = functions;
}
