import type { Context } from "hono";
import * as z from "zod";
import { configOf } from "../../config/config.ts";
import type { Catalogue } from "../../protocol/catalogue.ts";
import { isRecord } from "../../protocol/json.ts";
import { isEventId, PRODUCTS_CHANNEL, parseChannelName } from "../../protocol/names.ts";
import { type AcceptedEvent, checkEvent, MAX_BATCH_EVENTS, type PublishOutcome } from "../../protocol/publish.ts";
import { type FieldError, type HttpRefusal, type Problem, problem } from "../../protocol/refusals.ts";
import { safeLength } from "../../protocol/safe-length.ts";
import { check } from "../../protocol/validation.ts";
import { type Service, scopeDetail } from "../auth/keys.ts";
import { requirePublishCall } from "../auth/require-publish.ts";
import type { HonoEnv } from "../context.ts";
import { invalid, requireValid } from "../errors.ts";
import { failureOf, idempotencyKey, publish } from "./publish.ts";

const batchRequest = z.strictObject({ events: safeLength(z.array(z.unknown()).min(1).max(MAX_BATCH_EVENTS)) });

type BatchResult = PublishOutcome | { status: "rejected"; error: Problem };

/** `POST /api/v1/publish/batch`: publishes what it can. Each event has its own result. */
export async function publishBatch(c: Context<HonoEnv>): Promise<Response> {
  const call = await requirePublishCall(c, null);
  const startedAt = Date.now();
  const { key, header } = idempotencyKey(c, call);
  const { events } = requireValid(check(batchRequest, call.body));

  // Each event's key derives from the call's.
  const idOf = (index: number) => (key === null ? crypto.randomUUID() : `${key}/${index}`);
  if (!isEventId(idOf(MAX_BATCH_EVENTS))) {
    throw invalid({ field: header, message: `must leave room for /${MAX_BATCH_EVENTS}` });
  }
  const { catalogue } = configOf(c.env);
  const items = events.map((item, i) => checkItem(catalogue, item, idOf(i), call.service, startedAt));
  const accepted = items.flatMap((item) => (item.ok ? [item.event] : []));
  const outcomes = await publish(c, call, accepted, items.length - accepted.length, startedAt);

  const inOrder = outcomes.values();
  const results = items.map((item) => (item.ok ? resultOf(inOrder.next().value) : rejected(item.problem)));
  return c.json({ results });
}

type CheckedItem = { ok: true; event: AcceptedEvent } | { ok: false; problem: Problem };

function checkItem(
  catalogue: Catalogue,
  item: unknown,
  fallbackId: string,
  service: Service,
  acceptedAt: number,
): CheckedItem {
  const { channel: name, ...body } = isRecord(item) ? item : {};
  const channel = typeof name === "string" ? parseChannelName(name) : null;
  if (!channel) return invalidItem([{ field: "channel", message: "must be order_<order id> or products" }]);
  const scope = channel.name === PRODUCTS_CHANNEL ? "products" : "orders";
  if (!service.scopes.has(scope)) {
    return { ok: false, problem: problem("access_denied", { detail: scopeDetail(scope) }) };
  }
  const event = checkEvent(catalogue, body, channel.name, fallbackId, acceptedAt);
  return event.ok ? { ok: true, event: event.value } : rejectedItem(event.reason, event.errors);
}

const invalidItem = (errors: FieldError[]) => rejectedItem("validation_failed", errors);
const rejectedItem = (reason: HttpRefusal, errors: FieldError[]): CheckedItem => ({
  ok: false,
  problem: problem(reason, { errors }),
});

const rejected = (error: Problem): BatchResult => ({ status: "rejected", error });

function resultOf(outcome: PublishOutcome | undefined): BatchResult {
  const failure = failureOf(outcome);
  return failure || !outcome ? rejected(problem(failure ?? "unavailable")) : outcome;
}
