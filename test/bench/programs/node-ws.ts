import { createServer } from "node:http";
import { createClient } from "@redis/client";
import { type WebSocket as Listener, WebSocketServer } from "ws";

/**
 * A minimal version of what the service replaces: a Node server that forwards Redis pub/sub messages to its sockets,
 * with one channel per path. It checks and stores nothing. Its argument is the URL of Redis; it sends its own address
 * to the parent process.
 */

const [url = ""] = process.argv.slice(2);
const redis = createClient({ url });
await redis.connect();
/** The listeners of each channel, once Redis has confirmed its subscription. */
const channels = new Map<string, Promise<Set<Listener>>>();

async function subscribe(channel: string): Promise<Set<Listener>> {
  const listeners = new Set<Listener>();
  await redis.subscribe(channel, (text) => {
    for (const listener of listeners) listener.send(text);
  });
  return listeners;
}

const server = createServer();
new WebSocketServer({ server }).on("connection", async (socket, { url = "/" }) => {
  const subscribed = channels.get(url) ?? subscribe(url);
  channels.set(url, subscribed);
  const listeners = await subscribed;
  if (socket.readyState !== socket.OPEN) return;
  listeners.add(socket);
  socket.on("close", () => listeners.delete(socket));
  socket.send('{"type":"connection_established"}');
});
server.listen(0, "127.0.0.1", () => process.send?.(server.address()));
// The parent process has ended.
process.once("disconnect", () => process.exit());
