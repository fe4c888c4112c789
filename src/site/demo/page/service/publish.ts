import { isRecord, parseJson } from "../../../../protocol/json.ts";
import { orderChannelName, PRODUCTS_CHANNEL } from "../../../../protocol/names.ts";
import { orderPath, publishPath } from "../../../../protocol/paths.ts";
import type { EventType } from "../../../../sdk/index.ts";
import { isOrderEvent } from "./catalogue.ts";

/** Publishes as any backend does: one HTTP call with the publish key. */

export interface EventDraft {
  type: EventType;
  data: unknown;
  id?: string;
  version?: number;
}

export interface ServiceResponse {
  /** HTTP status; 0 if the service was unreachable. */
  status: number;
  /** A publish result, or a problem (RFC 9457), unchecked; empty if the response was not a JSON object. */
  body: Record<string, unknown>;
}

/** Whether the service accepted a call. */
export const isAccepted = ({ status }: ServiceResponse) => status >= 200 && status < 300;

/** Returns the path that publishes events of a type. @param orderId For order events. */
export function eventPath(type: EventType, orderId: string): string {
  return publishPath(isOrderEvent(type) ? orderChannelName(orderId) : PRODUCTS_CHANNEL);
}

export function publishEvent(draft: EventDraft, orderId: string, key: string): Promise<ServiceResponse> {
  return callWithKey("POST", eventPath(draft.type, orderId), draft, key);
}

/** Registers the order, or resets it to pending; its listeners receive the change as events. */
export function resetOrder(orderId: string, owner: string, key: string): Promise<ServiceResponse> {
  const order = { user_id: owner, status: "pending", payment_status: "pending" };
  return callWithKey("PUT", orderPath(orderId), order, key);
}

/** Returns the header that carries a publish key. */
export function keyHeader(key: string): { Authorization: string } {
  // fetch throws for a header with other characters. No publish key has any, so the service refuses the altered key.
  return { Authorization: `Bearer ${key.replace(/[^!-~]/g, "?")}` };
}

async function callWithKey(method: string, path: string, content: unknown, key: string): Promise<ServiceResponse> {
  try {
    const headers = { ...keyHeader(key), "Content-Type": "application/json" };
    const response = await fetch(path, { method, headers, body: JSON.stringify(content) });
    const body = parseJson(await response.text());
    return { status: response.status, body: isRecord(body) ? body : {} };
  } catch {
    return { status: 0, body: {} };
  }
}
