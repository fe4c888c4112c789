import type { Context } from "hono";
import * as z from "zod";
import type { Identity } from "../channels/contract.ts";
import { orderStub } from "../channels/directory.ts";
import { orderRegistration } from "../protocol/publish.ts";
import type { SocketRefusal } from "../protocol/refusals.ts";
import { logFault } from "../telemetry/log.ts";
import { type HonoEnv, requestIdOf } from "./context.ts";
import { Refusal } from "./errors.ts";

const TIMEOUT_MS = 5000;

const REFUSALS_BY_STATUS: Partial<Record<number, SocketRefusal>> = {
  401: "access_denied",
  403: "access_denied",
  404: "order_not_found",
};

/** The fields read from the backend's order; others are ignored. */
const backendOrder = z.object(orderRegistration.shape);

/**
 * Looks up an order without a known owner in the shop's backend: `GET {ORDERS_API_URL}/{order_id}` with the caller's
 * token, so that the backend authorizes the call as usual. On success, the order's object remembers the owner.
 * @returns Why the caller may not listen, or null.
 * @throws {Refusal} 503 when the backend fails or its answer is malformed.
 */
export async function lookUpOrder(
  c: Context<HonoEnv>,
  ordersApiUrl: string,
  orderId: string,
  token: string,
  identity: Identity,
): Promise<SocketRefusal | null> {
  const response = await fetch(`${ordersApiUrl}/${orderId}`, {
    headers: { Accept: "application/json", Authorization: `Bearer ${token}` },
    // A redirect could send the token to another host.
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error: unknown) => fail(c, error));
  if (response.status !== 200) {
    // An unread body would keep the connection open.
    await response.body?.cancel();
    const refusal = REFUSALS_BY_STATUS[response.status];
    return refusal ?? fail(c, new Error(`status ${response.status}`));
  }
  const order = backendOrder.safeParse(await response.json().catch(() => null));
  if (!order.success) return fail(c, new Error("the response lacks user_id, status or payment_status"));
  return orderStub(c.env, orderId).adopt(order.data, identity);
}

function fail(c: Context<HonoEnv>, error: unknown): never {
  logFault("orders_api", error, { request_id: requestIdOf(c) });
  throw new Refusal("unavailable");
}
