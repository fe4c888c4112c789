import type { EventType } from "../../../sdk/index.ts";
import { catalogue } from "./catalogue.ts";

/** Publishing, as any service does it: one HTTP call with the publish key. */

export interface Draft {
  type: EventType;
  data: unknown;
  id?: string;
  version?: number;
}

export interface Answer {
  /** 0 when nobody answered. */
  status: number;
  /** The service's own words: the result, or a problem (RFC 9457). */
  body: {
    status?: unknown;
    seq?: unknown;
    receivers?: unknown;
    id?: unknown;
    title?: unknown;
    errors?: { field: string; message: string }[];
  };
}

export function publishPath(type: EventType, orderId: string): string {
  const to = catalogue[type].channel === "order" ? `orders/${encodeURIComponent(orderId)}` : "products";
  return `/api/v1/publish/${to}`;
}

export function publish(draft: Draft, orderId: string, key: string): Promise<Answer> {
  return send("POST", publishPath(draft.type, orderId), draft, key);
}

/** Registers the order, or puts it back where it began; listeners are told by events. */
export function startOver(orderId: string, owner: string, key: string): Promise<Answer> {
  const order = { user_id: owner, status: "pending", payment_status: "pending" };
  return send("PUT", `/api/v1/orders/${encodeURIComponent(orderId)}`, order, key);
}

async function send(method: string, path: string, body: unknown, key: string): Promise<Answer> {
  try {
    const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
    const response = await fetch(path, { method, headers, body: JSON.stringify(body) });
    return { status: response.status, body: await response.json() };
  } catch {
    return { status: 0, body: { title: "The service cannot be reached" } };
  }
}

/** The same call for a shell; the key comes from the environment, so that the command can be shown and shared. */
export function curlCommand(draft: Draft, orderId: string): string {
  const body = JSON.stringify(draft).replaceAll("'", "'\\''");
  return `curl -X POST ${location.origin}${publishPath(draft.type, orderId)} \\
  -H "Authorization: Bearer $PUBLISH_KEY" -H "Content-Type: application/json" \\
  -d '${body}'`;
}
