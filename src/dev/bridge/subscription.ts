import type { ServerResponse } from "node:http";
import { subscribe } from "../../cli/redis/subscribe.ts";

/**
 * Answers with a channel's messages as server-sent events, until Redis or the listener disconnects. As in Redis itself, a
 * disconnected listener misses messages: there are no ids and no replay.
 * @throws {RedisUnavailable} before anything was sent.
 */
export async function streamMessages(response: ServerResponse, redisUrl: string, channel: string): Promise<void> {
  // The first message may arrive together with the confirmation, which has to be sent first.
  const begin = () => {
    if (response.headersSent) return;
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
    response.write(serverSentEvent("subscribe", channel, "1"));
  };
  const closed = new Promise((resolve) => response.once("close", resolve));
  const subscription = await subscribe(redisUrl, { channels: [channel] }, (message) => {
    begin();
    response.write(serverSentEvent("message", channel, message.toString()));
  });
  begin();
  await Promise.race([subscription.ended, closed]);
  subscription.close();
  response.end();
}

/** Formats a server-sent event. A line break ends a field, so each line becomes its own field. */
function serverSentEvent(...parts: string[]): string {
  const lines = parts.join(",").split(/\r\n|\r|\n/);
  return `${lines.map((line) => `data: ${line}`).join("\n")}\n\n`;
}
