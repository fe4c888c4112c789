import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import * as z from "zod";
import type { Health } from "../edge/health.ts";
import { CLOSE_CODES } from "../protocol/close-codes.ts";
import type { CloseCode } from "../protocol/close-rules.ts";
import { type EventType, eventTypesOf } from "../protocol/events.ts";
import { type StatusChange, statusChangeOf } from "../protocol/status-change.ts";
import { socketPath } from "./channel-argument.ts";
import { HEALTH_PATH } from "./service.ts";
import { CheckFailure, expectEqual, type SmokeListener } from "./smoke-listener.ts";
import type { SmokeRun } from "./smoke-run.ts";

/** Carries out one check under a name; null when it failed. */
export type Check = <T>(name: string, body: () => Promise<T>) => Promise<T | null>;

const healthShape: z.ZodType<Health> = z.object({
  status: z.enum(["healthy", "degraded"]),
  redis_status: z.enum(["healthy", "unavailable", "disabled"]),
  active_channels: z.array(z.string()),
  total_connections: z.int(),
  channel_details: z.record(z.string(), z.int()),
});
const publishAnswer = z.looseObject({ status: z.string(), seq: z.number(), receivers: z.number() });
const problemAnswer = z.looseObject({ errors: z.array(z.looseObject({ field: z.string() })) });

interface Listeners {
  owner: SmokeListener;
  admin: SmokeListener;
  products: SmokeListener;
  /** Listens to another product than the one that is published about. */
  bystander: SmokeListener;
}

/** Every check, in order. A check that fails stops none but those that need what it would have given. */
export async function runChecks(run: SmokeRun, check: Check): Promise<void> {
  await check("health answers in its documented shape", () => checkHealth(run));
  await check("an order can be registered", () => checkRegistration(run));
  await check("the service takes tokens signed with this secret", () => checkSecret(run));
  await checkRefusals(run, check);
  const listeners = await checkListeners(run, check);
  await check("a wrong publish key is refused with 401", async () => {
    const { status } = await run.publish("order_shipped", {}, randomUUID(), run.withWrongKey());
    expectEqual(status, 401, "status");
  });
  if (!listeners) return;
  await check("health counts the order's two listeners", () => checkCounts(run));
  await check("a bad event is refused with 422, its bad field named, and sent to nobody", () =>
    checkBadEvent(run, listeners),
  );
  for (const type of [...eventTypesOf("order"), ...eventTypesOf("products")]) {
    await check(`${type} reaches its listeners unchanged`, () => checkDelivery(run, type, listeners));
  }
  await check("an id published again is a duplicate", () => checkDuplicate(run));
  await check("every event came once, in order, and to nobody else", () => checkOnce(run, listeners));
  await check("the order's state follows its events", () => checkState(run));
  await check("a listener that closes gets the service's goodbye", () => checkGoodbye(listeners));
  await check("a deleted order's listeners are closed with 4004", () => checkDeletion(run, listeners));
}

async function checkHealth(run: SmokeRun): Promise<void> {
  const { body } = await run.service.call("GET", HEALTH_PATH);
  const health = healthShape.safeParse(body);
  if (!health.success) throw new CheckFailure(z.prettifyError(health.error));
  expectEqual(Object.keys(health.data.channel_details), health.data.active_channels, "active_channels");
}

async function checkRegistration(run: SmokeRun): Promise<void> {
  const registration = { user_id: run.owner, status: "pending", payment_status: "pending" };
  expectEqual((await run.service.call("PUT", run.orderPath, registration)).status, 201, "status of the first PUT");
  expectEqual((await run.service.call("PUT", run.orderPath, registration)).status, 200, "status of the second PUT");
}

async function checkSecret(run: SmokeRun): Promise<void> {
  const listener = await run.listenToProduct("customer", run.productId);
  await listener.established().catch((error: Error) => {
    throw new CheckFailure(
      `${error.message} It was signed with ${run.secret.source}: is that the service's JWT_SECRET?`,
    );
  });
  listener.close();
}

async function checkRefusals(run: SmokeRun, check: Check): Promise<void> {
  const somebody = { subject: `smoke-stranger-${run.id}` };
  const refused = (what: string, code: CloseCode, path: string, who: { subject: string } | null) =>
    check(`${what} is closed with ${code} (${CLOSE_CODES[code].name})`, async () => {
      const { code: actual } = await (await run.listen(what, path, who)).closed();
      expectEqual(actual, code, "close code");
    });
  await refused("a listener without a token", 4001, socketPath(run.order), null);
  await refused("an order id that is no UUID", 4000, "/api/v1/ws/orders/no-uuid", somebody);
  await refused("an order that nobody registered", 4004, `/api/v1/ws/orders/${randomUUID()}`, somebody);
  await refused("a stranger to the order", 4003, socketPath(run.order), somebody);
}

async function checkListeners(run: SmokeRun, check: Check): Promise<Listeners | null> {
  const ofOrder = (listener: SmokeListener) => async () => {
    const { order_id, current_status, payment_status } = await listener.established();
    expectEqual(
      { order_id, current_status, payment_status },
      { order_id: run.order.orderId, current_status: "pending", payment_status: "pending" },
      "data of the first frame",
    );
    await listener.settle();
    return listener;
  };
  const ofProducts = (listener: SmokeListener) => async () => {
    expectEqual((await listener.established()).channel, run.products.name, "data.channel of the first frame");
    await listener.settle();
    return listener;
  };
  const isWelcome = "gets the first frame, and pong for ping";
  const owner = await check(
    `the owner ${isWelcome}`,
    ofOrder(await run.listen("owner", socketPath(run.order), { subject: run.owner })),
  );
  const admin = await check(`an admin ${isWelcome}`, ofOrder(await run.listenAsAdmin()));
  const products = await check(
    `a products listener ${isWelcome}`,
    ofProducts(await run.listenToProduct("products", run.productId)),
  );
  const bystander = await check(
    `a listener to another product ${isWelcome}`,
    ofProducts(await run.listenToProduct("bystander", `${run.productId}-other`)),
  );
  return owner && admin && products && bystander ? { owner, admin, products, bystander } : null;
}

/** Counters travel on their own, so they are asked for until they are right. */
async function checkCounts(run: SmokeRun): Promise<void> {
  const deadline = Date.now() + run.timeoutMs;
  for (;;) {
    const { body } = await run.service.call("GET", HEALTH_PATH);
    const count = healthShape.parse(body).channel_details[run.order.name];
    if (count === 2) return;
    if (Date.now() > deadline)
      throw new CheckFailure(`${run.order.name}: expected 2 listeners, the page says ${count ?? 0}`);
    await wait(100);
  }
}

async function checkBadEvent(run: SmokeRun, { products }: Listeners): Promise<void> {
  const id = randomUUID();
  const { status, body } = await run.publish(
    "inventory_updated",
    { product_id: run.productId, new_quantity: "many" },
    id,
  );
  expectEqual(status, 422, "status");
  expectEqual(
    problemAnswer.parse(body).errors.map(({ field }) => field),
    ["data.new_quantity"],
    "the fields that are named",
  );
  await products.settle();
  if (products.events.some((event) => event.id === id))
    throw new CheckFailure("it was sent to a listener all the same");
}

async function checkDelivery(run: SmokeRun, type: EventType, listeners: Listeners): Promise<void> {
  const answer = await run.publish(type);
  expectEqual(answer.status, 200, "status of the publish");
  const { status, seq } = publishAnswer.parse(answer.body);
  expectEqual(status, "applied", "result of the publish");
  for (const listener of audienceOf(run, type, listeners)) {
    const event = await listener.event(run.eventId(type));
    expectEqual(
      { type: event.type, data: event.data, seq: event.seq },
      { type, data: run.eventData(type), seq },
      listener.name,
    );
  }
}

function audienceOf(run: SmokeRun, type: EventType, { owner, admin, products }: Listeners): SmokeListener[] {
  return run.channelOf(type) === run.order ? [owner, admin] : [products];
}

async function checkDuplicate(run: SmokeRun): Promise<void> {
  const answer = await run.publish("order_delivered");
  expectEqual(answer.status, 200, "status of the publish");
  expectEqual(publishAnswer.parse(answer.body).status, "duplicate", "result of the publish");
}

async function checkOnce(run: SmokeRun, listeners: Listeners): Promise<void> {
  const types = [...eventTypesOf("order"), ...eventTypesOf("products")];
  for (const listener of Object.values<SmokeListener>({ ...listeners })) {
    await listener.settle();
    const expected = types.filter((type) => audienceOf(run, type, listeners).includes(listener)).map(run.eventId);
    const received = listener.events.map(({ id }) => id);
    expectEqual(received, expected, `events at ${listener.name}`);
  }
}

async function checkState(run: SmokeRun): Promise<void> {
  const { body } = await run.service.call("GET", run.orderPath);
  const expected: StatusChange = {};
  for (const type of eventTypesOf("order")) Object.assign(expected, statusChangeOf(type, run.eventData(type)));
  const { status, payment_status } = z.looseObject({ status: z.string(), payment_status: z.string() }).parse(body);
  expectEqual({ status, payment_status }, expected, "state");
}

/** Without it a browser's socket stays in CLOSING until its own timeout, and ends as if the network had failed. */
async function checkGoodbye({ bystander }: Listeners): Promise<void> {
  bystander.close();
  const { code } = await bystander.closed("its close went unanswered");
  expectEqual(code, 1000, "close code (1006: the goodbye went unanswered)");
}

async function checkDeletion(run: SmokeRun, { owner, admin }: Listeners): Promise<void> {
  expectEqual((await run.service.call("DELETE", run.orderPath)).status, 204, "status of the DELETE");
  for (const listener of [owner, admin])
    expectEqual((await listener.closed()).code, 4004, `close code at the ${listener.name}`);
  expectEqual((await run.service.request("GET", run.orderPath)).status, 404, "status of a GET afterwards");
}
