import { LOGIN_SERVICE_ONLY } from "../cli/shared/settings.ts";
import { orderChannelName } from "../protocol/names.ts";
import { publishPath, socketPath } from "../protocol/paths.ts";
import { DOORBELL } from "../protocol/stream.ts";
import type { Demo } from "./demo.ts";
import type { RedisIngress } from "./redis-ingress.ts";

interface Welcome extends Demo {
  /** Whether the command line would use another service unless it is given this URL. */
  needsUrl: boolean;
  /** Names that this start added to `.dev.vars`. */
  addedSettings: string[];
  redis: RedisIngress;
}

/**
 * The demo page's address with everything it needs. Browsers do not send a fragment, so no server logs it, and the page
 * removes it from the address bar immediately.
 */
function demoAddress({ url, orderId, customerToken, adminToken, publishKey }: Demo): string {
  const parameters = { order: orderId, customer: customerToken, admin: adminToken, key: publishKey };
  return `${url}/#${new URLSearchParams(parameters)}`;
}

/** Returns the text that greets the developer: everything needed to try the service, ready to paste. */
export function welcome(demo: Welcome): string {
  const { url, publishKey, orderId, owner, customerToken, adminToken, addedSettings, redis } = demo;
  const channel = orderChannelName(orderId);
  const socketUrl = `${url.replace(/^http/, "ws")}${socketPath(channel)}?token=${customerToken}`;
  const at = demo.needsUrl ? ` --url ${url}` : "";
  const settings = addedSettings.length > 0 ? `.dev.vars (added ${addedSettings.join(", ")})` : ".dev.vars";
  return `
Tidings is at ${url}
(stop it with Ctrl-C)
${demo.hasPage ? `\nOpen the demo (the address contains the secrets below; do not share it):\n  ${demoAddress(demo)}\n` : ""}
  Settings        ${settings}
  Redis ingress   ${redis.description}
  Publish key     ${publishKey}
  Demo order      ${orderId}, owned by ${owner}
  Customer token  ${customerToken}
                  (the owner's, valid for a day)
  Admin token     ${adminToken}
                  (valid for a day)
${demo.areTokensAccepted ? "" : `\nThe service refuses these tokens: ${LOGIN_SERVICE_ONLY}\n`}
Follow the order in another terminal:
  npx tidings watch ${orderId}${at}

Publish to it:
  npx tidings publish ${orderId} order_shipped${at}
  curl -X POST ${url}${publishPath(channel)} \\
    -H "Authorization: Bearer ${publishKey}" -H "Content-Type: application/json" \\
    -d '{"type":"order_status_changed","data":{"old_status":"pending","new_status":"processing"}}'
${throughRedis(demo)}
Read the manual: ${url}/docs
Read about every call: ${url}/docs/api
Read about every frame: ${url}/docs/events

Listen in a browser (open ${url}/docs and paste into its console):
  ws = new WebSocket("${socketUrl}"); ws.onmessage = (event) => console.log(event.data)

Try everything:
  npx tidings smoke${at}
`;
}

/** How to publish through Redis; empty without a Redis. */
function throughRedis({ redis, stream }: Welcome): string {
  if (!redis.isOn) return "";
  const { redisCli, tidings } = redis;
  const lines = [`${tidings} publish products inventory_updated --via redis`];
  if (redisCli !== null) {
    lines.push(
      `${redisCli} XADD ${stream} '*' channel products type inventory_updated data '{"product_id":"p-42","new_quantity":5}'`,
      `${redisCli} PUBLISH ${DOORBELL} 1`,
    );
  }
  const note = redisCli === null ? "" : " (the PUBLISH makes the service read the stream immediately)";
  return `\nPublish through Redis${note}:\n${lines.map((line) => `  ${line}\n`).join("")}`;
}
