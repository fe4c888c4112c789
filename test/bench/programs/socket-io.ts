import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { createClient } from "@redis/client";
import { createAdapter } from "@socket.io/redis-streams-adapter";
import { Server } from "socket.io";
import * as z from "zod";

/**
 * A Socket.IO server with its Redis Streams adapter and connection state recovery: one of several instances behind a
 * load balancer. Each event is stored in Redis, and clients that lose the connection receive what they missed. It
 * checks nothing. A client's room is the query parameter `room`; `POST /{room}` emits an array of events to it. Its
 * argument is the URL of Redis; it sends its own address to the parent process.
 */

const [url = ""] = process.argv.slice(2);
const redis = createClient({ url });
await redis.connect();

const server = createServer();
const io = new Server(server, {
  transports: ["websocket"],
  serveClient: false,
  connectionStateRecovery: {},
  adapter: createAdapter(redis),
});
io.on("connection", (socket) => socket.join(String(socket.handshake.query.room)));

// Socket.IO handles its own path and leaves the others to listeners that were there before.
server.on("request", async (request, response) => {
  if (request.method !== "POST") return;
  const events = z.array(z.unknown()).parse(JSON.parse(await text(request)));
  for (const event of events) io.to(String(request.url).slice(1)).emit("event", event);
  response.writeHead(204).end();
});
server.listen(0, "127.0.0.1", () => process.send?.(server.address()));
// The parent process has ended.
process.once("disconnect", () => process.exit());
