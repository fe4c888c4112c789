import { createServer } from "node:http";
import { createClient } from "@redis/client";
import { type WebSocket as Listener, WebSocketServer } from "ws";

/**
 * What the service replaces, at its barest: a Node server whose sockets get what is published in Redis, each path a
 * channel. It checks nothing and keeps nothing. Its argument is the URL of the Redis; its parent process hears of the
 * address where it listens.
 */

const [url = ""] = process.argv.slice(2);
const redis = createClient({ url });
await redis.connect();
const channels = new Map<string, Set<Listener>>();

function listenersOf(channel: string): Set<Listener> {
  const known = channels.get(channel);
  if (known) return known;
  const listeners = new Set<Listener>();
  channels.set(channel, listeners);
  void redis.subscribe(channel, (text) => {
    for (const listener of listeners) listener.send(text);
  });
  return listeners;
}

const server = createServer();
new WebSocketServer({ server }).on("connection", (socket, { url = "/" }) => {
  const listeners = listenersOf(url);
  listeners.add(socket);
  socket.on("close", () => listeners.delete(socket));
  socket.send('{"type":"connection_established"}');
});
server.listen(0, "127.0.0.1", () => process.send?.(server.address()));
// Nobody is left to talk to.
process.once("disconnect", () => process.exit());
