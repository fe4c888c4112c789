import type { ServerResponse } from "node:http";
import { openSubscription } from "../../cli/redis/connection.ts";

/**
 * Answers with a channel's messages as server-sent events, until Redis goes away or the listener does. There are no
 * ids and nothing is repeated: who was away has missed what happened.
 * @throws {RedisUnavailable} before anything was answered.
 */
export async function streamMessages(
  response: ServerResponse,
  redisUrl: string,
  { channel, isPattern }: { channel: string; isPattern: boolean },
): Promise<void> {
  const kind = isPattern ? "psubscribe" : "subscribe";
  // The first message may come in the moment of the confirmation, which has to come before it.
  const begin = () => {
    if (response.headersSent) return;
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
    response.write(eventOf(kind, channel, "1"));
  };
  const gone = new Promise((resolve) => response.once("close", resolve));
  const subscription = await openSubscription(redisUrl, { channel, isPattern }, (message, from) => {
    begin();
    const origin = isPattern ? ["pmessage", channel, from.toString()] : ["message", channel];
    response.write(eventOf(...origin, message.toString()));
  });
  begin();
  await Promise.race([subscription.ended, gone]);
  subscription.close();
  response.end();
}

/** A line break ends a field, so a text of several lines is several fields, as the format of such streams has it. */
function eventOf(...parts: string[]): string {
  const lines = parts.join(",").split(/\r\n|\r|\n/);
  return `${lines.map((line) => `data: ${line}`).join("\n")}\n\n`;
}
