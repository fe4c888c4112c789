import { Store } from "./store.ts";

/**
 * Every WebSocket of the page, seen from outside the SDK: how often it tried, how the last one ended, and a way to
 * break them, as networks do. Imported before anything connects.
 */

export interface SocketStory {
  /** How many sockets were opened so far. */
  attempts: number;
  openedAt: Date | null;
  lastClose: { code: number; reason: string; at: Date; wasDropped: boolean } | null;
  messages: number;
}

const UNTOLD: SocketStory = { attempts: 0, openedAt: null, lastClose: null, messages: 0 };

/** By channel. */
export const sockets = new Store<ReadonlyMap<string, SocketStory>>(new Map());
export const storyOf = (stories: ReadonlyMap<string, SocketStory>, channel: string) => stories.get(channel) ?? UNTOLD;

const open = new Map<WebSocket, { channel: string; wasDropped: boolean }>();

class ObservedWebSocket extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    // The protocols carry the token: they are passed on and looked at no further.
    super(url, protocols);
    const channel = channelOf(new URL(url));
    const own = { channel, wasDropped: false };
    open.set(this, own);
    tell(channel, (story) => ({ attempts: story.attempts + 1, messages: 0 }));
    this.addEventListener("open", () => tell(channel, () => ({ openedAt: new Date() })));
    this.addEventListener("message", () => tell(channel, ({ messages }) => ({ messages: messages + 1 })));
    this.addEventListener("close", ({ code, reason }) => {
      open.delete(this);
      tell(channel, () => ({ lastClose: { code, reason, at: new Date(), wasDropped: own.wasDropped } }));
    });
  }
}
globalThis.WebSocket = ObservedWebSocket;

/** Breaks the connection without a word to the SDK. @param channel Only this one's; default: all. */
export function dropSockets(channel?: string): void {
  for (const [socket, own] of open) {
    if (channel !== undefined && own.channel !== channel) continue;
    own.wasDropped = true;
    socket.close();
  }
}

/** What the browser would say of the network, and all sockets gone with it. */
export function goOffline(): void {
  window.dispatchEvent(new Event("offline"));
  dropSockets();
}

export function goOnline(): void {
  window.dispatchEvent(new Event("online"));
}

function channelOf({ pathname }: URL): string {
  const order = /\/orders\/([^/]+)$/.exec(pathname)?.[1];
  return order === undefined ? "products" : `order_${order.toLowerCase()}`;
}

function tell(channel: string, change: (story: SocketStory) => Partial<SocketStory>): void {
  const story = storyOf(sockets.get(), channel);
  sockets.set(new Map(sockets.get()).set(channel, { ...story, ...change(story) }));
}
