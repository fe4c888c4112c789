import type { Context } from "hono";
import * as z from "zod";
import { dispatch } from "../../ingress/dispatch.ts";
import {
  type ChannelName,
  isEventId,
  orderChannelName,
  PRODUCTS_CHANNEL,
  parseChannelName,
} from "../../protocol/names.ts";
import {
  type AcceptedEvent,
  check,
  checkEvent,
  MAX_BATCH_BYTES,
  MAX_BATCH_EVENTS,
  MAX_EVENT_BYTES,
  type PublishOutcome,
  type Source,
} from "../../protocol/publish.ts";
import { type FieldError, type Problem, problem } from "../../protocol/refusals.ts";
import { logPublish, outcomesOf } from "../../telemetry/log.ts";
import type { HonoEnv } from "../app.ts";
import { KeyRefusal, type Service, scopeDetail } from "../auth/keys.ts";
import { type Publication, requirePublication } from "../auth/require.ts";
import { Refusal } from "../errors.ts";
import { count, requestIdOf } from "../observe.ts";
import { orderIdParam } from "./orders.ts";

/** `POST /api/v1/publish/orders/{order_id}` */
export async function publishOrder(c: Context<HonoEnv>): Promise<Response> {
  const publication = await requirePublication(c, "orders", MAX_EVENT_BYTES);
  const orderId = orderIdParam(c);
  if (publication.signedId !== null && !namesOrder(publication.body)) throw new KeyRefusal("unbound");
  return publishOne(c, orderChannelName(orderId), publication);
}

/** `POST /api/v1/publish/products`; a signed body is bound to it by its type, which no other channel has. */
export async function publishProducts(c: Context<HonoEnv>): Promise<Response> {
  return publishOne(c, PRODUCTS_CHANNEL, await requirePublication(c, "products", MAX_EVENT_BYTES));
}

/** Whether a body says which order it is about; `checkEvent` sees to it that this is the channel's. */
function namesOrder(body: unknown): boolean {
  return z.looseObject({ data: z.looseObject({ order_id: z.string() }) }).safeParse(body).success;
}

async function publishOne(c: Context<HonoEnv>, channel: ChannelName, publication: Publication): Promise<Response> {
  const startedAt = Date.now();
  const source = sourceOf(publication);
  const { key, header } = idempotencyKey(c, publication);
  const event = checkEvent(publication.body, channel, key ?? crypto.randomUUID(), startedAt);
  if (!event.ok) {
    count(c, "tidings_events_rejected_total", { ...source });
    throw new Refusal("validation_failed", { errors: event.errors });
  }
  if (key !== null && event.value.id !== key) {
    throw new Refusal("validation_failed", { errors: [{ field: "id", message: `differs from ${header}` }] });
  }
  const outcomes = await dispatch(c.env, [event.value], source);
  note(c, source, [event.value], outcomes, 0, startedAt);
  const [outcome] = outcomes;
  const refusal = outcome ? refusalOf(outcome) : "unavailable";
  if (refusal) throw new Refusal(refusal);
  return c.json(outcome, outcome?.status === "queued" ? 202 : 200);
}

const batchRequest = z.strictObject({ events: z.array(z.unknown()).min(1).max(MAX_BATCH_EVENTS) });

/** Why an event was not published, or null when it was. */
function refusalOf({ status }: PublishOutcome): "id_conflict" | "unavailable" | null {
  if (status === "conflict") return "id_conflict";
  return status === "unavailable" ? status : null;
}

type BatchResult = PublishOutcome | { status: "rejected"; error: Problem };

/** `POST /api/v1/publish/batch`: goes on past an event that is refused; each has its own result. */
export async function publishBatch(c: Context<HonoEnv>): Promise<Response> {
  const publication = await requirePublication(c, null, MAX_BATCH_BYTES);
  const startedAt = Date.now();
  const source = sourceOf(publication);
  const { key, header } = idempotencyKey(c, publication);
  const batch = check(batchRequest, publication.body);
  if (!batch.ok) throw new Refusal("validation_failed", { errors: batch.errors });

  // One key for the whole call makes one for each event.
  const idOf = (index: number) => (key === null ? crypto.randomUUID() : `${key}/${index}`);
  if (!isEventId(idOf(MAX_BATCH_EVENTS))) throw badHeader(header, `must leave room for /${MAX_BATCH_EVENTS}`);
  const checked = batch.value.events.map((item, i) => checkItem(item, idOf(i), publication.service, startedAt));
  const accepted = checked.flatMap((event) => (event.ok ? [event.value] : []));
  const outcomes = await dispatch(c.env, accepted, source);
  note(c, source, accepted, outcomes, checked.length - accepted.length, startedAt);
  const inOrder = outcomes.values();
  const results = checked.map((event) => (event.ok ? batchResult(inOrder.next().value) : rejected(event.problem)));
  return c.json({ results });
}

const sourceOf = ({ service }: Publication): Source => ({ via: "http", key: service.name });

/** Logs a publish, and counts what no channel could: events that reached none. */
function note(
  c: Context<HonoEnv>,
  source: Source,
  events: AcceptedEvent[],
  outcomes: PublishOutcome[],
  rejected: number,
  startedAt: number,
): void {
  for (const [i, { status }] of outcomes.entries()) {
    const type = events[i]?.type;
    if (!type || (status !== "queued" && status !== "unavailable")) continue;
    count(c, "tidings_events_published_total", { type, ...source, outcome: status });
  }
  count(c, "tidings_events_rejected_total", { ...source }, rejected);
  const channels = new Set(events.map(({ channel }) => channel));
  logPublish({
    request_id: requestIdOf(c),
    ...source,
    channel: channels.size === 1 ? String([...channels][0]) : null,
    events: events.length + rejected,
    outcomes: { ...outcomesOf(outcomes.map(({ status }) => status)), ...(rejected > 0 && { rejected }) },
    ms: Date.now() - startedAt,
  });
}

type CheckedItem = { ok: true; value: AcceptedEvent } | { ok: false; problem: Problem };

function checkItem(item: unknown, fallbackId: string, service: Service, acceptedAt: number): CheckedItem {
  const invalid = (errors: FieldError[]): CheckedItem => ({
    ok: false,
    problem: problem("validation_failed", { errors }),
  });
  // Taken apart, never merged: whatever key it has reaches the checks as it is.
  const { channel: name, ...body } = typeof item === "object" && item !== null ? (item as Record<string, unknown>) : {};
  const channel = typeof name === "string" ? parseChannelName(name) : null;
  if (!channel) return invalid([{ field: "channel", message: "must be order_<order id> or products" }]);
  const scope = channel.name === PRODUCTS_CHANNEL ? "products" : "orders";
  if (!service.scopes.has(scope)) {
    return { ok: false, problem: problem("access_denied", { detail: scopeDetail(scope) }) };
  }
  // What is written again after parsing is what counts: white space around it does not.
  if (new TextEncoder().encode(JSON.stringify(body)).length > MAX_EVENT_BYTES) {
    return invalid([{ field: "body", message: `is larger than ${MAX_EVENT_BYTES} bytes` }]);
  }
  const event = checkEvent(body, channel.name, fallbackId, acceptedAt);
  return event.ok ? event : invalid(event.errors);
}

function batchResult(outcome: PublishOutcome | undefined): BatchResult {
  const refusal = outcome ? refusalOf(outcome) : "unavailable";
  return refusal || !outcome ? rejected(problem(refusal ?? "unavailable")) : outcome;
}

const rejected = (error: Problem): BatchResult => ({ status: "rejected", error });

/** The event id that a header gives to a body that brings none, and the header's name. */
function idempotencyKey(c: Context, { signedId }: Publication): { key: string | null; header: string } {
  const given = c.req.header("Idempotency-Key");
  const [key, header] = signedId === null ? [given ?? null, "Idempotency-Key"] : [signedId, "webhook-id"];
  if (key !== null && !isEventId(key)) throw badHeader(header, "must be 1 to 128 visible ASCII characters");
  if (given !== undefined && given !== key) throw badHeader("Idempotency-Key", "differs from webhook-id");
  return { key, header };
}

const badHeader = (field: string, message: string) =>
  new Refusal("validation_failed", { errors: [{ field, message }] });
