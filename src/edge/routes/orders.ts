import type { Context } from "hono";
import { orderStub } from "../../channels/directory.ts";
import { parseOrderId } from "../../protocol/names.ts";
import { check, MAX_EVENT_BYTES, orderPut } from "../../protocol/publish.ts";
import type { HonoEnv } from "../app.ts";
import { requireRequester, requireService } from "../auth/require.ts";
import { readJson } from "../body.ts";
import { Refusal } from "../errors.ts";

/** `PUT /api/v1/orders/{order_id}`: registers an order (201) or corrects what is known of it (200). */
export async function putOrder(c: Context<HonoEnv>): Promise<Response> {
  await requireService(c, "orders");
  const orderId = orderIdParam(c);
  const body = check(orderPut, await readJson(c.req.raw, MAX_EVENT_BYTES));
  if (!body.ok) throw new Refusal("validation_failed", { errors: body.errors });
  const { version = null, ...registration } = body.value;
  const outcome = await orderStub(c.env, orderId).register(registration, version);
  if (outcome.status === "stale") return c.json({ order_id: orderId, ...outcome.order, stale: true });
  return c.json({ order_id: orderId, ...body.value }, outcome.status === "created" ? 201 : 200);
}

/** `GET /api/v1/orders/{order_id}`: the order as it stands, for its owner, a ticket, an admin or a service. */
export async function getOrder(c: Context<HonoEnv>): Promise<Response> {
  const requester = await requireRequester(c);
  const snapshot = await orderStub(c.env, orderIdParam(c)).snapshot(requester);
  if (typeof snapshot === "string") throw new Refusal(snapshot);
  return c.json(snapshot);
}

/** `DELETE /api/v1/orders/{order_id}`: listeners are closed with 4004, and every stored byte of it is gone. */
export async function deleteOrder(c: Context<HonoEnv>): Promise<Response> {
  await requireService(c, "orders");
  if (!(await orderStub(c.env, orderIdParam(c)).erase())) throw new Refusal("order_not_found");
  return c.body(null, 204);
}

/** The order id of the path, in lower case. @throws {Refusal} 400. */
export function orderIdParam(c: Context): string {
  const orderId = parseOrderId(c.req.param("order_id") ?? "");
  if (orderId !== null) return orderId;
  throw new Refusal("invalid_order_id", { errors: [{ field: "order_id", message: "must be a UUID" }] });
}
