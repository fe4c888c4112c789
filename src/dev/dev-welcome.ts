import { publishPath, socketPath } from "../cli/channel-argument.ts";
import { DEFAULT_URL } from "../cli/settings.ts";
import { DOORBELL } from "../protocol/stream.ts";
import type { RedisIngress } from "./dev-redis.ts";

/** What is there to play with once the local service runs. */
export interface Demo {
  url: string;
  publishKey: string;
  orderId: string;
  owner: string;
  /** Whether the demo page is served; a build may leave it out. */
  hasPage: boolean;
  customerToken: string;
  adminToken: string;
  /** Names that were added to `.dev.vars` just now. */
  addedSettings: string[];
  redis: RedisIngress;
  /** The stream in Redis that is read. */
  stream: string;
}

/**
 * Where the demo page is, with all that it needs. A fragment is never sent to a server, so no log has it; the page
 * takes it out of the address bar at once.
 */
function demoAddress({ url, orderId, customerToken, adminToken, publishKey }: Demo): string {
  const held = { order: orderId, customer: customerToken, admin: adminToken, key: publishKey };
  return `${url}/#${new URLSearchParams(held)}`;
}

/** Greets the developer: everything that is needed to try the service, ready to paste. */
export function welcome(demo: Demo): string {
  const { url, publishKey, orderId, owner, customerToken, adminToken, addedSettings, redis } = demo;
  const order = { name: `order_${orderId}` as const, orderId };
  const socketUrl = `${url.replace(/^http/, "ws")}${socketPath(order)}?token=${customerToken}`;
  const at = url === DEFAULT_URL ? "" : ` --url ${url}`;
  const settings = addedSettings.length > 0 ? `.dev.vars (added ${addedSettings.join(", ")})` : ".dev.vars";
  return `
Tidings is at ${url}
(Ctrl-C stops it)
${demo.hasPage ? `\nOpen the demo (the address holds what follows; keep it to yourself):\n  ${demoAddress(demo)}\n` : ""}
  Settings        ${settings}
  Redis ingress   ${redis.description}
  Publish key     ${publishKey}
  Demo order      ${orderId}, ${owner}'s
  Customer token  ${customerToken}
                  (${owner}, good for a day)
  Admin token     ${adminToken}
                  (good for a day)

Follow the order in another terminal:
  npx tidings watch ${orderId}${at}

Publish to it:
  npx tidings publish ${orderId} order_shipped${at}
  curl -X POST ${url}${publishPath(order)} \\
    -H "Authorization: Bearer ${publishKey}" -H "Content-Type: application/json" \\
    -d '{"type":"order_status_changed","data":{"old_status":"pending","new_status":"processing"}}'
${throughRedis(demo)}
Read and try every call: ${url}/docs

Listen in a browser (open ${url}/docs, paste into its console):
  ws = new WebSocket("${socketUrl}"); ws.onmessage = (event) => console.log(event.data)

Try everything:
  npx tidings smoke${at}
`;
}

/** How to publish without HTTP; nothing when there is no Redis. */
function throughRedis({ redis, stream }: Demo): string {
  if (!redis.isOn) return "";
  const { redisCli, tidings } = redis;
  const lines = [`${tidings} publish products inventory_updated --via redis`];
  if (redisCli !== null) {
    lines.push(
      `${redisCli} XADD ${stream} '*' channel products type inventory_updated data '{"product_id":"p-42","new_quantity":5}'`,
      `${redisCli} PUBLISH ${DOORBELL} 1`,
    );
  }
  return `\nPublish through Redis (the doorbell has it read at once):\n${lines.map((line) => `  ${line}\n`).join("")}`;
}
