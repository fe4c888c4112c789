import type { Context } from "hono";
import type { Listener } from "../../channels/attachment.ts";
import { orderStub, productsStub } from "../../channels/directory.ts";
import { type Config, configOf } from "../../config.ts";
import { parseProductFilter } from "../../protocol/frames.ts";
import { parseOrderId } from "../../protocol/names.ts";
import type { SocketRefusal } from "../../protocol/refusals.ts";
import type { HonoEnv } from "../app.ts";
import { findToken, speaksSubprotocol } from "../auth/credentials.ts";
import { isOriginAllowed } from "../auth/policy.ts";
import { type Identity, publicReason, verifyToken } from "../auth/verify.ts";
import { lookUpOrder } from "../orders-api.ts";
import { answerConnect, connect, refuseSocket, requireUpgrade } from "../upgrade.ts";

/** `GET /api/v1/ws/orders/{order_id}`: the order's owner or an admin listens to one order. */
export async function orderSocket(c: Context<HonoEnv>): Promise<Response> {
  requireUpgrade(c);
  const config = configOf(c.env);
  const identity = await admit(c, config);
  if (typeof identity === "string") return refuseSocket(c, identity);
  const orderId = parseOrderId(c.req.param("order_id") ?? "");
  if (orderId === null) return refuseSocket(c, "invalid_order_id");

  const request = { listener: listenerOf(c, identity, null), resume: resumeOf(c) };
  const answer = await connect(orderStub(c.env, orderId), request);
  if (!("reason" in answer) || answer.isOwnerKnown || config.ordersApiUrl === null) return answerConnect(c, answer);

  const refusal = await lookUpOrder(c.env, config.ordersApiUrl, orderId, findToken(c.req) ?? "", identity);
  return refusal ? refuseSocket(c, refusal) : answerConnect(c, await connect(orderStub(c.env, orderId), request));
}

/** `GET /api/v1/ws/products`: any authenticated user listens to all products, or to those of `?product_id=a,b,c`. */
export async function productsSocket(c: Context<HonoEnv>): Promise<Response> {
  requireUpgrade(c);
  const identity = await admit(c, configOf(c.env));
  if (typeof identity === "string") return refuseSocket(c, identity);
  const products = parseProductFilter(c.req.query("product_id") ?? null);
  if (products === "invalid") return refuseSocket(c, "protocol_error");

  const request = { listener: listenerOf(c, identity, products), resume: resumeOf(c) };
  return answerConnect(c, await connect(productsStub(c.env), request));
}

/** Origin, then token: the checks that need no channel. */
async function admit(c: Context<HonoEnv>, config: Config): Promise<Identity | SocketRefusal> {
  if (!isOriginAllowed(c.req.raw, config)) return "origin_not_allowed";
  const verified = await verifyToken(findToken(c.req), config);
  return verified.ok ? verified.identity : publicReason(verified.fault);
}

function listenerOf(c: Context, identity: Identity, products: string[] | null): Listener {
  return { ...identity, products, speaksV1: speaksSubprotocol(c.req.raw), seenAt: Date.now(), isWarned: false };
}

function resumeOf(c: Context): { epoch: string; since: string } | null {
  const since = c.req.query("since");
  return since === undefined ? null : { epoch: c.req.query("epoch") ?? "", since };
}
