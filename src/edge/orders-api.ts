import type { Context } from "hono";
import * as z from "zod";
import type { OrderRefusal, Requester } from "../channels/contract.ts";
import { orderStub } from "../channels/directory.ts";
import { configOf } from "../config/config.ts";
import { orderRegistration } from "../protocol/publish.ts";
import { findToken } from "./auth/credentials.ts";
import { type HonoEnv, reportFault } from "./context.ts";
import { Refusal } from "./errors.ts";
import { fetchJson } from "./fetch-json.ts";

const TIMEOUT_MS = 5000;

const REFUSALS_BY_STATUS: Partial<Record<number, OrderRefusal>> = {
  401: "access_denied",
  403: "access_denied",
  404: "order_not_found",
};

/** The fields read from the backend's order; others are ignored. */
const backendOrder = z.object(orderRegistration.shape);

/**
 * Confirms an order's refusal of a user. If its owner is unknown, looks the order up in the shop's backend with
 * `GET {ORDERS_API_URL}/{order_id}` and the user's own token, so that the backend authorizes the call as usual. On
 * success, the order's object remembers the owner.
 * @returns Why the user may not listen to or read the order; null if the order admits the user now.
 * @throws {Refusal} 503 when the backend fails or its answer is malformed.
 */
export async function confirmRefusal<R extends string>(
  c: Context<HonoEnv>,
  orderId: string,
  requester: Requester,
  { reason, isFinal }: { reason: R; isFinal: boolean },
): Promise<R | OrderRefusal | null> {
  const { ordersApiUrl } = configOf(c.env);
  // The backend does not know tickets.
  const isUser = requester !== "service" && requester.orderId === null;
  if (isFinal || !isUser || ordersApiUrl === null) return reason;

  const { status, json } = await fetchJson(`${ordersApiUrl}/${orderId}`, "the response", {
    headers: { Accept: "application/json", Authorization: `Bearer ${findToken(c.req) ?? ""}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error: unknown) => fail(c, error));
  if (status !== 200) return REFUSALS_BY_STATUS[status] ?? fail(c, new Error(`status ${status}`));
  const order = backendOrder.safeParse(json);
  if (!order.success) {
    return fail(c, new Error("the response is not JSON with a valid user_id, status and payment_status"));
  }
  return orderStub(c.env, orderId).adopt(order.data, requester);
}

function fail(c: Context<HonoEnv>, error: unknown): never {
  reportFault(c, "orders_api", error);
  throw new Refusal("unavailable");
}
