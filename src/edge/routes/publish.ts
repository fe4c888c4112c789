import type { Context } from "hono";
import { configOf } from "../../config/config.ts";
import { dispatch } from "../../ingress/dispatch.ts";
import { valueAt } from "../../protocol/json.ts";
import {
  type ChannelName,
  EVENT_ID_RULE,
  isEventId,
  orderChannelName,
  PRODUCTS_CHANNEL,
} from "../../protocol/names.ts";
import {
  type AcceptedEvent,
  type CheckedEvent,
  checkEvent,
  type PublishOutcome,
  type Source,
} from "../../protocol/publish.ts";
import { logPublish, outcomesOf } from "../../telemetry/log.ts";
import { recordRejected, recordUndelivered } from "../../telemetry/record.ts";
import { KeyRefusal } from "../auth/keys.ts";
import { type PublishCall, requirePublishCall } from "../auth/require-publish.ts";
import { type HonoEnv, record, requestIdOf } from "../context.ts";
import { invalid, Refusal } from "../errors.ts";
import { orderIdParam } from "./orders.ts";

/** `POST /api/v1/publish/orders/{order_id}` */
export async function publishOrder(c: Context<HonoEnv>): Promise<Response> {
  const call = await requirePublishCall(c, "orders");
  const orderId = orderIdParam(c);
  // If the body names an order, `checkEvent` requires it to be this one.
  const namesOrder = typeof valueAt(call.body, ["data", "order_id"]) === "string";
  if (call.signedId !== null && !namesOrder) throw new KeyRefusal("unbound");
  return publishOne(c, orderChannelName(orderId), call);
}

/** `POST /api/v1/publish/products`. Product event types exist on no other channel, so a signed body is bound to it. */
export async function publishProducts(c: Context<HonoEnv>): Promise<Response> {
  return publishOne(c, PRODUCTS_CHANNEL, await requirePublishCall(c, "products"));
}

async function publishOne(c: Context<HonoEnv>, channel: ChannelName, call: PublishCall): Promise<Response> {
  const startedAt = Date.now();
  const checked = checkOne(c, channel, call, startedAt);
  if (!checked.ok) {
    record(c, (counters) => recordRejected(counters, sourceOf(call)));
    throw new Refusal(checked.reason, { errors: checked.errors });
  }
  const [outcome] = await publish(c, call, [checked.value], 0, startedAt);
  const failure = failureOf(outcome);
  if (failure) throw new Refusal(failure);
  return c.json(outcome, outcome?.status === "queued" ? 202 : 200);
}

/** Checks a call's event, whose `id` must be the call's idempotency key if it has both. */
function checkOne(c: Context<HonoEnv>, channel: ChannelName, call: PublishCall, startedAt: number): CheckedEvent {
  const { key, header } = idempotencyKey(c, call);
  const { catalogue } = configOf(c.env);
  const checked = checkEvent(catalogue, call.body, channel, key ?? crypto.randomUUID(), startedAt);
  if (!checked.ok || key === null || checked.value.id === key) return checked;
  return { ok: false, reason: "validation_failed", errors: [{ field: "id", message: `differs from ${header}` }] };
}

/** Returns why an event was not published, or null if it was. */
export function failureOf(outcome: PublishOutcome | undefined): "id_conflict" | "unavailable" | null {
  if (outcome?.status === "conflict") return "id_conflict";
  return outcome && outcome.status !== "unavailable" ? null : "unavailable";
}

/**
 * Publishes valid events, and logs and counts the call.
 * @param rejected How many further events of the call were invalid.
 * @returns One outcome per event, in the order of the events.
 */
export async function publish(
  c: Context<HonoEnv>,
  call: PublishCall,
  events: AcceptedEvent[],
  rejected: number,
  startedAt: number,
): Promise<PublishOutcome[]> {
  const source = sourceOf(call);
  const outcomes = await dispatch(c.env, events, source, requestIdOf(c));
  // Channels count the events that reach them.
  const isUndelivered = outcomes.some(({ status }) => status === "queued" || status === "unavailable");
  if (isUndelivered) record(c, (counters) => recordUndelivered(counters, source, events, outcomes));
  if (rejected > 0) record(c, (counters) => recordRejected(counters, source, rejected));
  const channels = new Set(events.map(({ channel }) => channel));
  logPublish({
    request_id: requestIdOf(c),
    ...source,
    channel: channels.size === 1 ? String([...channels][0]) : null,
    events: events.length + rejected,
    outcomes: { ...outcomesOf(outcomes.map(({ status }) => status)), ...(rejected > 0 && { rejected }) },
    ms: Date.now() - startedAt,
  });
  return outcomes;
}

const sourceOf = ({ service }: PublishCall): Source => ({ via: "http", key: service.name });

/**
 * Returns a call's idempotency key, or null, and the header that carries it. An event without an `id` takes the key as
 * its id.
 * @throws {Refusal} 422.
 */
export function idempotencyKey(c: Context<HonoEnv>, { signedId }: PublishCall): { key: string | null; header: string } {
  const given = c.req.header("Idempotency-Key");
  const [key, header] = signedId === null ? [given ?? null, "Idempotency-Key"] : [signedId, "webhook-id"];
  if (key !== null && !isEventId(key)) {
    throw invalid({ field: header, message: EVENT_ID_RULE });
  }
  if (given !== undefined && given !== key) {
    throw invalid({ field: "Idempotency-Key", message: "differs from webhook-id" });
  }
  return { key, header };
}
