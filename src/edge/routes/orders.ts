import type { Context } from "hono";
import { orderStub } from "../../channels/directory.ts";
import { configOf } from "../../config/config.ts";
import { parseOrderId } from "../../protocol/names.ts";
import { orderPut } from "../../protocol/publish.ts";
import { ticketRequest } from "../../protocol/ticket.ts";
import { requireRequester, requireService } from "../auth/require.ts";
import { issueTicket, ticketKeys } from "../auth/ticket.ts";
import { readValid } from "../body.ts";
import type { HonoEnv } from "../context.ts";
import { Refusal } from "../errors.ts";
import { confirmRefusal } from "../orders-api.ts";

/**
 * `PUT /api/v1/orders/{order_id}`: registers an order (201) or corrects it (200). A late `version` changes nothing: the
 * answer is the order as it is, with `stale: true`.
 */
export async function putOrder(c: Context<HonoEnv>): Promise<Response> {
  await requireService(c, "orders");
  const orderId = orderIdParam(c);
  const body = await readValid(c.req.raw, orderPut);
  const { version = null, ...registration } = body;
  const outcome = await orderStub(c.env, orderId).register(registration, version);
  if (outcome.status === "stale") return c.json({ order_id: orderId, ...outcome.order, stale: true });
  return c.json({ order_id: orderId, ...body }, outcome.status === "created" ? 201 : 200);
}

/** `GET /api/v1/orders/{order_id}`: the snapshot, for the owner, a guest with a ticket, an admin or a service. */
export async function getOrder(c: Context<HonoEnv>): Promise<Response> {
  const requester = await requireRequester(c);
  const orderId = orderIdParam(c);
  const order = orderStub(c.env, orderId);
  let answer = await order.snapshot(requester);
  if ("reason" in answer) {
    const refusal = await confirmRefusal(c, orderId, requester, answer);
    if (refusal) throw new Refusal(refusal);
    answer = await order.snapshot(requester);
  }
  if ("reason" in answer) throw new Refusal(answer.reason);
  return c.json(answer);
}

/** `DELETE /api/v1/orders/{order_id}`: closes its listeners with 4004 and erases everything stored but a tombstone. */
export async function deleteOrder(c: Context<HonoEnv>): Promise<Response> {
  await requireService(c, "orders");
  if (!(await orderStub(c.env, orderIdParam(c)).erase())) throw new Refusal("order_not_found");
  return c.body(null, 204);
}

/** `POST /api/v1/orders/{order_id}/tickets`: issues a token that lets a guest listen to that order. */
export async function createTicket(c: Context<HonoEnv>): Promise<Response> {
  await requireService(c, "orders");
  const orderId = orderIdParam(c);
  const [key] = await ticketKeys(configOf(c.env));
  if (!key) {
    const message = "must be set because it signs tickets: wrangler secret put JWT_SECRET";
    throw new Refusal("misconfigured", { errors: [{ field: "JWT_SECRET", message }] });
  }
  const { ttl_seconds } = await readValid(c.req.raw, ticketRequest);

  const generation = await orderStub(c.env, orderId).ensureTicketGeneration();
  if (generation === null) throw new Refusal("order_not_found");
  const expiresAt = Math.floor(Date.now() / 1000) + ttl_seconds;
  const ticket = await issueTicket(key, { orderId, generation }, expiresAt);
  return c.json({ ...ticket, expires_at: new Date(expiresAt * 1000).toISOString() }, 201);
}

/** Returns the order id in the path, in lower case. @throws {Refusal} 400. */
export function orderIdParam(c: Context): string {
  const orderId = parseOrderId(c.req.param("order_id") ?? "");
  if (orderId !== null) return orderId;
  throw new Refusal("invalid_order_id", { errors: [{ field: "order_id", message: "must be a UUID" }] });
}
