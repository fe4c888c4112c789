import * as z from "zod";
import { parseJson } from "../protocol/json.ts";
import { isSocketRefusal, type SocketRefusal } from "../protocol/refusals.ts";
import type { Identity } from "./contract.ts";
import { placement, type ShardPlan, shardPlan } from "./products/shards/plan.ts";

/**
 * How the Worker asks a channel object for a socket. The client's own request is not forwarded, so no token or URL
 * reaches the object; a header carries what the Worker has verified.
 */

const connectRequest = z.object({
  identity: z.object({
    subject: z.string(),
    isAdmin: z.boolean(),
    expiresAt: z.number(),
    orderId: z.string().nullable(),
    ticketGeneration: z.string().nullable(),
  }) satisfies z.ZodType<Identity>,
  /** Whether the client speaks `tidings.v1`. */
  speaksV1: z.boolean(),
  /** Deliver only events of these products; null for all. */
  products: z.array(z.string()).nullable(),
  /** Deliver only the newest of the stock levels and prices that are sent together (`conflation.ts`). */
  conflates: z.boolean().default(false),
  /** The position to resume from; `invalid` for a malformed one, null for none. */
  resume: z.union([z.object({ epoch: z.string(), seq: z.int().min(0) }), z.literal("invalid"), z.null()]),
  /** The id of the request that opens the socket, for the log. */
  requestId: z.string(),
  /** Where the client is, for the plan of shards; null for a channel without shards, or when that is not known. */
  placement: placement.nullable().default(null),
});
export type ConnectRequest = z.input<typeof connectRequest>;

/** Why a channel does not admit a listener. */
export interface ConnectRefusal {
  reason: SocketRefusal;
  /** False for an order without an owner: the shop's backend may know one. */
  isFinal: boolean;
}

/** Carries the `ConnectRequest` from the Worker to the object. */
const CONNECT_HEADER = "x-tidings-connect";
/** Carries a refusal's reason back. */
const REFUSAL_HEADER = "x-tidings-refusal";
/** Marks a final refusal. Keeps its first name: during a deploy, the Worker and its objects may run different versions. */
const FINAL_HEADER = "x-tidings-owner-known";

/** Why an object does not serve a socket that another object may serve: it is `full`, or the plan has shards for it. */
const elsewhere = z.enum(["full", "planned"]);
export type Elsewhere = z.infer<typeof elsewhere>;

/** Carries `Elsewhere` back. */
const ELSEWHERE_HEADER = "x-tidings-elsewhere";
/** Carries the plan of shards back, on any answer. */
const PLAN_HEADER = "x-tidings-plan";

/** Asks a channel for a socket. Returns the open socket's response, or the refusal. */
export async function requestSocket(channel: Fetcher, request: ConnectRequest): Promise<Response | ConnectRefusal> {
  const response = await ask(channel, request);
  return refusalIn(response) ?? response;
}

/**
 * Asks the root of the products channel or one of its shards for a socket.
 * @returns The answer, and the plan of shards if the object knows one.
 */
export async function requestProductsSocket(
  object: Fetcher,
  request: ConnectRequest,
): Promise<{ answer: Response | ConnectRefusal | Elsewhere; plan: ShardPlan | null }> {
  const response = await ask(object, request);
  const plan = shardPlan.safeParse(parseJson(response.headers.get(PLAN_HEADER) ?? "")).data ?? null;
  const refusal = elsewhere.safeParse(response.headers.get(ELSEWHERE_HEADER)).data ?? refusalIn(response);
  // The client does not see the plan, not even one of a version that this one cannot read.
  const { status, webSocket, headers } = response;
  const answer = refusal ?? (headers.has(PLAN_HEADER) ? new Response(null, { status, webSocket }) : response);
  return { answer, plan };
}

function ask(channel: Fetcher, request: ConnectRequest): Promise<Response> {
  // Header values must be Latin-1. Everything beyond printable ASCII is escaped, as JSON allows.
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const value = JSON.stringify(request).replace(/[^\x20-\x7e]/g, escaped);
  return channel.fetch("https://channel/connect", { headers: { Upgrade: "websocket", [CONNECT_HEADER]: value } });
}

function refusalIn({ headers }: Response): ConnectRefusal | null {
  const reason = headers.get(REFUSAL_HEADER);
  return isSocketRefusal(reason) ? { reason, isFinal: headers.has(FINAL_HEADER) } : null;
}

/**
 * Reads what `requestSocket` wrote.
 * @throws when it cannot be read: during a deploy, the Worker and its objects may run different versions.
 */
export function readConnectRequest(request: Request): z.infer<typeof connectRequest> {
  return connectRequest.parse(JSON.parse(request.headers.get(CONNECT_HEADER) ?? "null"));
}

/** Answers `requestSocket` with a refusal. */
export function refuseConnect({ reason, isFinal }: ConnectRefusal): Response {
  const headers = { [REFUSAL_HEADER]: reason, ...(isFinal && { [FINAL_HEADER]: "yes" }) };
  return new Response(null, { status: 403, headers });
}

/** Answers `requestProductsSocket`: another object is to serve this client. */
export function sendElsewhere(reason: Elsewhere, plan: ShardPlan): Response {
  return withPlan(new Response(null, { status: 403, headers: { [ELSEWHERE_HEADER]: reason } }), plan);
}

/** Adds the plan of shards to an answer. */
export function withPlan({ status, webSocket, headers }: Response, plan: ShardPlan): Response {
  const more = new Headers(headers);
  more.set(PLAN_HEADER, JSON.stringify(plan));
  return new Response(null, { status, webSocket, headers: more });
}
