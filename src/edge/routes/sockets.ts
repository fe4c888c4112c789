import type { Context } from "hono";
import type { Identity } from "../../channels/contract.ts";
import { orderStub } from "../../channels/directory.ts";
import { type ConnectRequest, requestSocket } from "../../channels/handshake.ts";
import { configOf } from "../../config/config.ts";
import { parseOrderId } from "../../protocol/names.ts";
import { parseProductFilter } from "../../protocol/product-filter.ts";
import { findToken, speaksSubprotocol } from "../auth/credentials.ts";
import { isHandshakeAllowed } from "../auth/origins.ts";
import { TOKEN_REFUSAL_BY_REASON, tokenRefusal } from "../auth/token-refusals.ts";
import { verifyToken } from "../auth/verify.ts";
import { connectToProducts } from "../connect-products.ts";
import { type HonoEnv, requestIdOf } from "../context.ts";
import { confirmRefusal } from "../orders-api.ts";
import { addressOf, isWithinLimit } from "../rate-limits.ts";
import { answerConnect, refuseSocket, requireUpgrade } from "../upgrade.ts";

/** `GET /api/v1/ws/orders/{order_id}`: the order's owner, an admin or a guest with a ticket listens to one order. */
export async function orderSocket(c: Context<HonoEnv>): Promise<Response> {
  requireUpgrade(c);
  const identity = await identifyClient(c);
  if (identity instanceof Response) return identity;
  const orderId = parseOrderId(c.req.param("order_id") ?? "");
  if (orderId === null) return refuseSocket(c, "invalid_order_id");

  const request = connectRequestOf(c, identity, null);
  const answer = await requestSocket(orderStub(c.env, orderId), request);
  if (!("reason" in answer)) return answerConnect(c, answer);
  const refusal = await confirmRefusal(c, orderId, identity, answer);
  return refusal ? refuseSocket(c, refusal) : answerConnect(c, await requestSocket(orderStub(c.env, orderId), request));
}

/** `GET /api/v1/ws/products`: any user listens to all products, or to those of `?product_id=`. */
export async function productsSocket(c: Context<HonoEnv>): Promise<Response> {
  requireUpgrade(c);
  const identity = await identifyClient(c);
  if (identity instanceof Response) return identity;
  if (identity.orderId !== null) return refuseSocket(c, "access_denied");
  const products = parseProductFilter(new URL(c.req.url).search);
  const conflates = parseConflate(c.req.queries("conflate"));
  if (products === "invalid" || conflates === "invalid") return refuseSocket(c, "protocol_error");

  const request = { ...connectRequestOf(c, identity, products), conflates };
  return answerConnect(c, await connectToProducts(c, request));
}

/**
 * Checks everything that needs no channel: origin, rate limits and token.
 * @returns The client's identity, or the response that refuses it.
 * @throws {Refusal} 503 while the token cannot be verified.
 */
async function identifyClient(c: Context<HonoEnv>): Promise<Identity | Response> {
  const config = configOf(c.env);
  if (!isHandshakeAllowed(c.req.raw, config)) return refuseSocket(c, "origin_not_allowed");
  const address = addressOf(c);
  const isFlood = address !== null && !(await isWithinLimit(c, "CONNECTS_PER_ADDRESS", address));
  if (isFlood) return refuseSocket(c, "rate_limited");
  const verified = await verifyToken(findToken(c.req), config, requestIdOf(c));
  if (!verified.ok) {
    const refusal = TOKEN_REFUSAL_BY_REASON[verified.reason];
    if (refusal === "unavailable") throw tokenRefusal(verified);
    return refuseSocket(c, refusal, verified);
  }
  const isAllowed = await isWithinLimit(c, "CONNECTS_PER_USER", verified.identity.subject);
  return isAllowed ? verified.identity : refuseSocket(c, "rate_limited");
}

function connectRequestOf(c: Context, identity: Identity, products: string[] | null): ConnectRequest {
  return {
    identity,
    products,
    speaksV1: speaksSubprotocol(c.req.raw),
    resume: parsePosition(c.req.query("since"), c.req.query("epoch")),
    requestId: requestIdOf(c),
  };
}

/** Parses `?conflate=0|1`, whose default is 0. */
function parseConflate([value = "0", ...more]: string[] = []): boolean | "invalid" {
  const isValid = more.length === 0 && (value === "0" || value === "1");
  return isValid ? value === "1" : "invalid";
}

/** Parses the position to resume from. Returns null without one, and `invalid` for a malformed one. */
function parsePosition(since: string | undefined, epoch = ""): ConnectRequest["resume"] {
  if (since === undefined) return null;
  return /^\d{1,15}$/.test(since) ? { epoch, seq: Number(since) } : "invalid";
}
