import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import * as z from "zod";
import { CLOSE_CODES } from "../../protocol/close-codes.ts";
import type { CloseCode } from "../../protocol/close-rules.ts";
import { healthResponse } from "../../protocol/health.ts";
import { orderChannelName, PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import { HEALTH_PATH, socketPath } from "../../protocol/paths.ts";
import { type Check, CheckFailure, expectEqual } from "./check.ts";
import type { SmokeListener } from "./listener.ts";
import type { SmokeRun } from "./run.ts";
import type { SmokeUser } from "./users.ts";

/** Who may listen, and what a listener receives first. */

const COUNTS_RETRY_MS = 100;

export interface SmokeListeners {
  owner: SmokeListener;
  admin: SmokeListener;
  products: SmokeListener;
  /** Listens to a product without events. */
  bystander: SmokeListener;
}

export async function checkHealth(run: SmokeRun): Promise<void> {
  const { body } = await run.service.call("GET", HEALTH_PATH);
  const health = healthResponse.safeParse(body);
  if (!health.success) throw new CheckFailure(z.prettifyError(health.error));
  expectEqual(Object.keys(health.data.channel_details), health.data.active_channels, "active_channels");
}

export async function checkRegistration(run: SmokeRun): Promise<void> {
  const { id } = run.users.customer;
  expectEqual(await run.register(run.orderId, id), 201, "status of the first PUT");
  expectEqual(await run.register(run.orderId, id), 200, "status of the second PUT");
  expectEqual(await run.register(run.othersOrderId, `${id}-other`), 201, "status of another order's PUT");
}

export async function checkToken(run: SmokeRun): Promise<true> {
  const listener = await run.listenToProduct("customer", run.productId);
  await listener.established().catch((error: Error) => {
    throw new CheckFailure(`${error.message} ${run.users.remedy(run.service.url)}`);
  });
  listener.close();
  return true;
}

export async function checkRefusals(run: SmokeRun, check: Check): Promise<void> {
  const { customer } = run.users;
  const refused = (what: string, code: CloseCode, path: string, user: SmokeUser | null) =>
    check(`${what} is closed with ${code} (${CLOSE_CODES[code].name})`, async () => {
      const { code: actual } = await (await run.listen(what, path, user)).closed();
      expectEqual(actual, code, "close code");
    });
  const order = (orderId: string) => socketPath(orderChannelName(orderId));
  await refused("a listener without a token", 4001, socketPath(run.orderChannel), null);
  await refused("an order id that is not a UUID", 4000, socketPath("order_no-uuid"), customer);
  await refused("an unknown order", 4004, order(randomUUID()), customer);
  await refused("a customer at another user's order", 4003, order(run.othersOrderId), customer);
}

/** Connects the listeners of the later checks. @returns Null when one of them failed. */
export async function connectListeners(run: SmokeRun, check: Check): Promise<SmokeListeners | null> {
  const ofOrder = (listener: SmokeListener) => async () => {
    const { order_id, current_status, payment_status } = await listener.established();
    expectEqual(
      { order_id, current_status, payment_status },
      { order_id: run.orderId, current_status: "pending", payment_status: "pending" },
      "data of the first frame",
    );
    await listener.settle();
    return listener;
  };
  const ofProducts = (listener: SmokeListener) => async () => {
    expectEqual((await listener.established()).channel, PRODUCTS_CHANNEL, "data.channel of the first frame");
    await listener.settle();
    return listener;
  };
  const isWelcome = "receives the first frame, and pong for ping";
  const owner = await check(
    `the owner ${isWelcome}`,
    ofOrder(await run.listen("owner", socketPath(run.orderChannel), run.users.customer)),
  );
  const admin = await check(
    `an admin ${isWelcome}`,
    ofOrder(await run.listen("admin", socketPath(run.orderChannel), run.users.admin)),
  );
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

/** Polls the health page, because counts reach it asynchronously. */
export async function checkCounts(run: SmokeRun): Promise<void> {
  const deadline = Date.now() + run.timeoutMs;
  for (;;) {
    run.expectNotStopped();
    const { body } = await run.service.call("GET", HEALTH_PATH);
    const count = healthResponse.parse(body).channel_details[run.orderChannel];
    if (count === 2) return;
    if (Date.now() > deadline)
      throw new CheckFailure(`${run.orderChannel}: expected 2 listeners, the health page shows ${count ?? 0}`);
    await wait(COUNTS_RETRY_MS);
  }
}
