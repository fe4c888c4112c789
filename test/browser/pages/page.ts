/** What the test pages share: settings from the address, a count of sockets, and a place to show things. */

/** What is used here of a browser's own objects; the project's types are those of Workers and Node. */
interface Browser {
  document: { getElementById(id: string): Element & { textContent: string } };
  location: { hash: string };
  WebSocket: typeof WebSocket;
  page: object;
}
// The test pages run in a browser and nowhere else.
const browser = globalThis as unknown as Browser;

export const settings = Object.fromEntries(new URLSearchParams(browser.location.hash.slice(1)));
export const setting = (name: string): string => {
  const value = settings[name];
  if (value === undefined) throw new Error(`the address has no ${name}`);
  return value;
};

let sockets = 0;
browser.WebSocket = class extends browser.WebSocket {
  constructor(url: string, protocols?: string | string[]) {
    super(url, protocols);
    sockets++;
    show({});
  }
};

export const app = browser.document.getElementById("app");

let shown: object = { status: "idle" };
/** Shows something besides what is shown already. */
export function show(more: object): void {
  shown = { ...shown, ...more };
  browser.document.getElementById("shown").textContent = JSON.stringify({ ...shown, sockets });
}

/** Offers calls to the test. */
export function offer(calls: object): void {
  browser.page = calls;
}
