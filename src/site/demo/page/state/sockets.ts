import type { ChannelName } from "../../../../protocol/names.ts";
import { socketPath } from "../../../../protocol/paths.ts";
import { Store } from "./store.ts";

/**
 * Observes the page's WebSockets from outside the SDK: attempts, messages, the last close. It can also break
 * connections, as a network does. Must be imported before anything connects.
 */

export interface SocketStats {
  /** Connection attempts so far. */
  attempts: number;
  openedAt: Date | null;
  lastClose: { code: number; reason: string; at: Date; wasDropped: boolean } | null;
  /** Messages on the current socket. */
  messages: number;
}

const NO_STATS: SocketStats = { attempts: 0, openedAt: null, lastClose: null, messages: 0 };

/** Statistics by the path of the socket's address. */
export const socketStats = new Store<ReadonlyMap<string, SocketStats>>(new Map());
export const statsOf = (stats: ReadonlyMap<string, SocketStats>, channel: ChannelName) =>
  stats.get(socketPath(channel)) ?? NO_STATS;

const openSockets = new Map<WebSocket, { path: string; wasDropped: boolean }>();

class ObservedWebSocket extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    // The protocols carry the token, so nothing here reads them.
    super(url, protocols);
    const { pathname: path, searchParams } = new URL(url);
    // Only the connection that finds the starting position has a product filter. The page does not show it.
    if (searchParams.has("product_id")) return;
    const socket = { path, wasDropped: false };
    openSockets.set(this, socket);
    const stats = () => socketStats.get().get(path) ?? NO_STATS;
    const record = (changes: Partial<SocketStats>) =>
      socketStats.set(new Map(socketStats.get()).set(path, { ...stats(), ...changes }));
    record({ attempts: stats().attempts + 1, messages: 0 });
    this.addEventListener("open", () => record({ openedAt: new Date() }));
    this.addEventListener("message", () => record({ messages: stats().messages + 1 }));
    this.addEventListener("close", ({ code, reason }) => {
      record({ lastClose: { code, reason, at: new Date(), wasDropped: socket.wasDropped } });
      openSockets.delete(this);
    });
  }
}
globalThis.WebSocket = ObservedWebSocket;

/** Closes sockets behind the SDK's back. @param channel Only this channel's sockets. Default: all. */
export function dropSockets(channel?: ChannelName): void {
  for (const [webSocket, socket] of openSockets) {
    if (channel !== undefined && socket.path !== socketPath(channel)) continue;
    socket.wasDropped = true;
    webSocket.close();
  }
}

/** Fires the browser's `offline` event and drops all connections. */
export function goOffline(): void {
  window.dispatchEvent(new Event("offline"));
  dropSockets();
}

export function goOnline(): void {
  window.dispatchEvent(new Event("online"));
}
