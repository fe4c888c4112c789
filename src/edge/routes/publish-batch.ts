import type { Context } from "hono";
import * as z from "zod";
import { configOf } from "../../config/config.ts";
import type { Catalogue } from "../../protocol/catalogue.ts";
import { isRecord } from "../../protocol/json.ts";
import { CHANNEL_RULE, isEventId, parseChannelName } from "../../protocol/names.ts";
import { type AcceptedEvent, checkEvent, MAX_BATCH_EVENTS, type PublishOutcome } from "../../protocol/publish.ts";
import { type Problem, problem } from "../../protocol/refusals.ts";
import { safeLength } from "../../protocol/safe-length.ts";
import { check } from "../../protocol/validation.ts";
import { type Service, scopeDetail, scopeOf } from "../auth/keys.ts";
import { requirePublishCall } from "../auth/require-publish.ts";
import type { HonoEnv } from "../context.ts";
import { invalid, requireValid } from "../errors.ts";
import { failureOf, idempotencyKey, publish } from "./publish.ts";

const batchRequest = z.strictObject({ events: safeLength(z.array(z.unknown()).min(1).max(MAX_BATCH_EVENTS)) });

/** The index of the last event of a full batch. */
const MAX_INDEX = MAX_BATCH_EVENTS - 1;

interface RejectedEvent {
  status: "rejected";
  error: Problem;
}

/** `POST /api/v1/publish/batch`: publishes what it can. Each event has its own result. */
export async function publishBatch(c: Context<HonoEnv>): Promise<Response> {
  const call = await requirePublishCall(c, null);
  const startedAt = Date.now();
  const { key, header } = idempotencyKey(c, call);
  const { events } = requireValid(check(batchRequest, call.body));

  // Each event's key derives from the call's.
  const idOf = (index: number) => (key === null ? crypto.randomUUID() : `${key}/${index}`);
  if (!isEventId(idOf(MAX_INDEX))) throw invalid({ field: header, message: `must leave room for /${MAX_INDEX}` });
  const { catalogue } = configOf(c.env);
  const items = events.map((item, i) => checkItem(catalogue, item, idOf(i), call.service, startedAt));
  const accepted = items.flatMap((item) => ("error" in item ? [] : [item]));
  const outcomes = (await publish(c, call, accepted, items.length - accepted.length, startedAt)).values();
  return c.json({ results: items.map((item) => ("error" in item ? item : resultOf(outcomes.next().value))) });
}

/** Returns the event of an item, or the result of one that is not accepted. */
function checkItem(
  catalogue: Catalogue,
  item: unknown,
  fallbackId: string,
  service: Service,
  acceptedAt: number,
): AcceptedEvent | RejectedEvent {
  const { channel: name, ...body } = isRecord(item) ? item : {};
  const channel = typeof name === "string" ? parseChannelName(name) : null;
  if (!channel) {
    const error = { field: "channel", message: CHANNEL_RULE };
    return rejected("validation_failed", { errors: [error] });
  }
  const scope = scopeOf(channel.name);
  if (!service.scopes.has(scope)) return rejected("access_denied", { detail: scopeDetail(scope) });
  const event = checkEvent(catalogue, body, channel.name, fallbackId, acceptedAt);
  return event.ok ? event.value : rejected(event.reason, { errors: event.errors });
}

function resultOf(outcome: PublishOutcome | undefined): PublishOutcome | RejectedEvent {
  const failure = failureOf(outcome);
  return failure || !outcome ? rejected(failure ?? "unavailable") : outcome;
}

const rejected = (...refusal: Parameters<typeof problem>): RejectedEvent => ({
  status: "rejected",
  error: problem(...refusal),
});
