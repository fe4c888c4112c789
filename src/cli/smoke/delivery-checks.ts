import { randomUUID } from "node:crypto";
import * as z from "zod";
import { EVENTS, type EventType, eventTypesOf } from "../../protocol/events.ts";
import { type StatusChange, statusChangeOf } from "../../protocol/status-change.ts";
import type { SmokeListeners } from "./access-checks.ts";
import { CheckFailure, expectEqual } from "./check.ts";
import type { SmokeListener } from "./listener.ts";
import { SMOKE_TYPES, type SmokeRun } from "./run.ts";

/** Which events reach which listeners, and what they leave behind. */

const publishAnswer = z.looseObject({ status: z.string(), seq: z.number(), receivers: z.number() });
const problemAnswer = z.looseObject({ errors: z.array(z.looseObject({ field: z.string() })) });

export async function checkBadEvent(run: SmokeRun, { products }: SmokeListeners): Promise<void> {
  const id = randomUUID();
  const { status, body } = await run.publish(
    "inventory_updated",
    { product_id: run.productId, new_quantity: "many" },
    id,
  );
  expectEqual(status, 422, "status");
  const fields = problemAnswer.parse(body).errors.map(({ field }) => field);
  expectEqual(fields, ["data.new_quantity"], "the named fields");
  await products.settle();
  if (products.events.some((event) => event.id === id)) throw new CheckFailure("it was delivered to a listener");
}

export async function checkDelivery(run: SmokeRun, type: EventType, listeners: SmokeListeners): Promise<void> {
  const answer = await run.publish(type);
  expectEqual(answer.status, 200, "status of the publish");
  const { status, seq } = publishAnswer.parse(answer.body);
  expectEqual(status, "applied", "result of the publish");
  for (const listener of audienceOf(type, listeners)) {
    const event = await listener.event(run.eventId(type));
    expectEqual(
      { type: event.type, data: event.data, seq: event.seq },
      { type, data: run.eventData(type), seq },
      listener.name,
    );
  }
}

function audienceOf(type: EventType, { owner, admin, products }: SmokeListeners): SmokeListener[] {
  return EVENTS[type].channel === "order" ? [owner, admin] : [products];
}

export async function checkDuplicate(run: SmokeRun): Promise<void> {
  const answer = await run.publish("order_delivered");
  expectEqual(answer.status, 200, "status of the publish");
  expectEqual(publishAnswer.parse(answer.body).status, "duplicate", "result of the publish");
}

export async function checkOnce(run: SmokeRun, listeners: SmokeListeners): Promise<void> {
  for (const listener of Object.values<SmokeListener>({ ...listeners })) {
    await listener.settle();
    const expected = SMOKE_TYPES.filter((type) => audienceOf(type, listeners).includes(listener)).map(run.eventId);
    const received = listener.events.map(({ id }) => id);
    expectEqual(received, expected, `events at ${listener.name}`);
  }
}

export async function checkState(run: SmokeRun): Promise<void> {
  const { body } = await run.service.call("GET", run.orderPath);
  const expected: StatusChange = {};
  for (const type of eventTypesOf("order"))
    Object.assign(expected, statusChangeOf({ type, data: run.eventData(type) }));
  const text = z.string();
  const state = z.object({ status: text, payment_status: text, tracking_number: text, carrier: text });
  expectEqual(state.parse(body), expected, "state");
}

/** Without an answer to its close frame, a browser's socket stays in CLOSING until a timeout, and ends with 1006. */
export async function checkCloseHandshake({ bystander }: SmokeListeners): Promise<void> {
  bystander.close();
  const { code } = await bystander.closed("the service did not answer the close frame");
  expectEqual(code, 1000, "close code (1006: the service did not answer the close frame)");
}

export async function checkDeletion(run: SmokeRun, { owner, admin }: SmokeListeners): Promise<void> {
  expectEqual(await run.deleteOrder(run.orderId), 204, "status of the DELETE");
  for (const listener of [owner, admin])
    expectEqual((await listener.closed()).code, 4004, `close code at the ${listener.name}`);
  expectEqual((await run.service.request("GET", run.orderPath)).status, 404, "status of a GET afterwards");
}
