import { report } from "./shared.ts";

/** Reports every message that the page's sockets receive, and that a socket has opened or closed. */

const received: unknown[] = [];
globalThis.WebSocket = class extends globalThis.WebSocket {
  constructor(url: string, protocols?: string | string[]) {
    super(url, protocols);
    this.addEventListener("message", ({ data }) => {
      received.push(data);
      report({ received });
    });
  }
};
