import type { Context } from "hono";
import { orderStub } from "../../channels/directory.ts";
import { configOf } from "../../config/config.ts";
import { ticketRequest } from "../../protocol/ticket.ts";
import { requireService } from "../auth/require.ts";
import { issueTicket, ticketKeys } from "../auth/ticket.ts";
import { readValid } from "../body.ts";
import type { HonoEnv } from "../context.ts";
import { Refusal } from "../errors.ts";
import { orderIdParam } from "./orders.ts";

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
