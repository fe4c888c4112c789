import type { Context } from "hono";
import { z } from "zod";
import { type Dispatched, dispatch } from "../../ingress/dispatch.ts";
import {
  type ChannelName,
  isEventId,
  orderChannelName,
  PRODUCTS_CHANNEL,
  parseChannelName,
} from "../../protocol/names.ts";
import {
  type AcceptedEvent,
  type Checked,
  check,
  checkEvent,
  MAX_BATCH_BYTES,
  MAX_BATCH_EVENTS,
  MAX_EVENT_BYTES,
  type PublishResult,
  type Queued,
  type Source,
} from "../../protocol/publish.ts";
import { type Problem, problem } from "../../protocol/refusals.ts";
import { logPublish, outcomesOf } from "../../telemetry/log.ts";
import type { HonoEnv } from "../app.ts";
import { requirePublishKey } from "../auth/require.ts";
import { readJson } from "../body.ts";
import { Refusal } from "../errors.ts";
import { requireWithinLimit } from "../limits.ts";
import { count, requestIdOf } from "../observe.ts";
import { orderIdParam } from "./orders.ts";

/** `POST /api/v1/publish/orders/{order_id}` */
export async function publishOrder(c: Context<HonoEnv>): Promise<Response> {
  return publishOne(c, await requirePublisher(c), orderChannelName(orderIdParam(c)));
}

/** `POST /api/v1/publish/products` */
export async function publishProducts(c: Context<HonoEnv>): Promise<Response> {
  return publishOne(c, await requirePublisher(c), PRODUCTS_CHANNEL);
}

async function publishOne(c: Context<HonoEnv>, source: Source, channel: ChannelName): Promise<Response> {
  const startedAt = Date.now();
  const key = idempotencyKey(c);
  const body = await readJson(c.req.raw, MAX_EVENT_BYTES);
  const event = checkEvent(body, channel, key ?? crypto.randomUUID(), startedAt);
  if (!event.ok) {
    count(c, "tidings_events_rejected_total", { via: source.via });
    throw new Refusal("validation_failed", { errors: event.errors });
  }
  if (key !== null && event.value.id !== key) {
    throw new Refusal("validation_failed", { errors: [{ field: "id", message: "differs from Idempotency-Key" }] });
  }
  const [dispatched] = await dispatch(c.env, [event.value], source);
  note(c, source, [event.value], [dispatched], 0, startedAt);
  if (!dispatched?.ok) throw new Refusal(dispatched?.reason ?? "unavailable");
  return c.json(dispatched.result, dispatched.result.status === "queued" ? 202 : 200);
}

const batchRequest = z.strictObject({ events: z.array(z.unknown()).min(1).max(MAX_BATCH_EVENTS) });

type BatchResult = PublishResult | Queued | { status: "rejected"; error: Problem };

/** `POST /api/v1/publish/batch`: goes on past an event that is refused; each has its own result. */
export async function publishBatch(c: Context<HonoEnv>): Promise<Response> {
  const source = await requirePublisher(c);
  const startedAt = Date.now();
  const key = idempotencyKey(c);
  const batch = check(batchRequest, await readJson(c.req.raw, MAX_BATCH_BYTES));
  if (!batch.ok) throw new Refusal("validation_failed", { errors: batch.errors });

  // One key for the whole call makes one for each event.
  const idOf = (index: number) => (key === null ? crypto.randomUUID() : `${key}/${index}`);
  if (!isEventId(idOf(MAX_BATCH_EVENTS))) throw badIdempotencyKey(`must leave room for /${MAX_BATCH_EVENTS}`);
  const checked = batch.value.events.map((item, i) => checkItem(item, idOf(i), startedAt));
  const accepted = checked.flatMap((event) => (event.ok ? [event.value] : []));
  const dispatched = await dispatch(c.env, accepted, source);
  note(c, source, accepted, dispatched, checked.length - accepted.length, startedAt);
  const inOrder = dispatched.values();
  const results = checked.map((event) =>
    event.ok ? batchResult(inOrder.next().value) : rejected(problem("validation_failed", { errors: event.errors })),
  );
  return c.json({ results });
}

/** Who may publish, as often as that is allowed. @throws {Refusal} 401 or 429. */
async function requirePublisher(c: Context<HonoEnv>): Promise<Source> {
  const key = await requirePublishKey(c);
  await requireWithinLimit(c, "PUBLISHES_PER_KEY", key);
  return { via: "http", key };
}

/** Logs a publish, and counts what no channel could: events that reached none. */
function note(
  c: Context<HonoEnv>,
  source: Source,
  events: AcceptedEvent[],
  dispatched: (Dispatched | undefined)[],
  rejected: number,
  startedAt: number,
): void {
  const outcomes = events.map((_, i) => {
    const result = dispatched[i];
    return result?.ok ? result.result.status : (result?.reason ?? "unavailable");
  });
  for (const [i, outcome] of outcomes.entries()) {
    const type = events[i]?.type;
    if (!type || (outcome !== "queued" && outcome !== "unavailable")) continue;
    count(c, "tidings_events_published_total", { type, ...source, outcome });
  }
  count(c, "tidings_events_rejected_total", { via: source.via }, rejected);
  const channels = new Set(events.map(({ channel }) => channel));
  logPublish({
    request_id: requestIdOf(c),
    ...source,
    channel: channels.size === 1 ? String([...channels][0]) : null,
    events: events.length + rejected,
    outcomes: { ...outcomesOf(outcomes), ...(rejected > 0 && { rejected }) },
    ms: Date.now() - startedAt,
  });
}

function checkItem(item: unknown, fallbackId: string, acceptedAt: number): Checked<AcceptedEvent> {
  // Taken apart, never merged: whatever key it has reaches the checks as it is.
  const { channel: name, ...body } = typeof item === "object" && item !== null ? (item as Record<string, unknown>) : {};
  const channel = typeof name === "string" ? parseChannelName(name) : null;
  if (!channel) return { ok: false, errors: [{ field: "channel", message: "must be order_<order id> or products" }] };
  // What is written again after parsing is what counts: white space around it does not.
  if (new TextEncoder().encode(JSON.stringify(body)).length > MAX_EVENT_BYTES) {
    return { ok: false, errors: [{ field: "body", message: `is larger than ${MAX_EVENT_BYTES} bytes` }] };
  }
  return checkEvent(body, channel.name, fallbackId, acceptedAt);
}

function batchResult(dispatched: Dispatched | undefined): BatchResult {
  return dispatched?.ok ? dispatched.result : rejected(problem(dispatched?.reason ?? "unavailable"));
}

const rejected = (error: Problem): BatchResult => ({ status: "rejected", error });

/** The `Idempotency-Key` header: an event id for a body that brings none. */
function idempotencyKey(c: Context): string | null {
  const key = c.req.header("Idempotency-Key");
  if (key === undefined) return null;
  if (isEventId(key)) return key;
  throw badIdempotencyKey("must be 1 to 128 visible ASCII characters");
}

const badIdempotencyKey = (message: string) =>
  new Refusal("validation_failed", { errors: [{ field: "Idempotency-Key", message }] });
