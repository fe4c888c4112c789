import { randomUUID } from "node:crypto";
import {
  checkCounts,
  checkHealth,
  checkRefusals,
  checkRegistration,
  checkToken,
  connectListeners,
} from "./access-checks.ts";
import { type Check, expectEqual } from "./check.ts";
import {
  checkBadEvent,
  checkCloseHandshake,
  checkDeletion,
  checkDelivery,
  checkDuplicate,
  checkOnce,
  checkState,
} from "./delivery-checks.ts";
import { SMOKE_TYPES, type SmokeRun } from "./run.ts";

/** Runs every check in order. A failed check skips only the checks that need its result. */
export async function runChecks(run: SmokeRun, check: Check): Promise<void> {
  await check("health answers in its documented shape", () => checkHealth(run));
  await check("an order can be registered", () => checkRegistration(run));
  if (!(await check("the service accepts the customer's token", () => checkToken(run)))) return;
  await checkRefusals(run, check);
  const listeners = await connectListeners(run, check);
  await check("a wrong publish key is refused with 401", async () => {
    const { status } = await run.publish("order_shipped", {}, randomUUID(), run.withWrongKey());
    expectEqual(status, 401, "status");
  });
  if (!listeners) return;
  await check("health counts the order's two listeners", () => checkCounts(run));
  await check("a bad event is refused with 422, its bad field named, and not delivered", () =>
    checkBadEvent(run, listeners),
  );
  for (const type of SMOKE_TYPES) {
    await check(`${type} reaches its listeners unchanged`, () => checkDelivery(run, type, listeners));
  }
  await check("an id published again is a duplicate", () => checkDuplicate(run));
  await check("every event arrived once, in order, and at its own listeners only", () => checkOnce(run, listeners));
  await check("the order's state follows its events", () => checkState(run));
  await check("the service completes a listener's close", () => checkCloseHandshake(listeners));
  await check("a deleted order's listeners are closed with 4004", () => checkDeletion(run, listeners));
}
