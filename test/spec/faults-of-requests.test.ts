import { afterEach, beforeEach, expect, type MockInstance, test, vi } from "vitest";
import { OrderChannel } from "../../src/channels/order/order-channel.ts";
import { ChannelRegistry } from "../../src/registry/channel-registry.ts";
import { silence } from "../support/leak-guard/console.ts";
import { serviceRequest } from "../support/service.ts";

/** A fault in a request is found in the log by what its response carries in `X-Request-Id`. */

let logged: MockInstance;
beforeEach(() => {
  logged = silence();
});
afterEach(() => vi.restoreAllMocks());

const fails = () => new Error("it fails for the test");
const faults = () => logged.mock.calls.map(([line]) => JSON.parse(line)).filter(({ event }) => event === "fault");

async function expectRequestId(response: Response, where: string): Promise<void> {
  const id = response.headers.get("X-Request-Id");
  expect(id).toBeTruthy();
  expect(faults().map(({ request_id, ...line }) => [line.where, request_id])).toContainEqual([where, id]);
}

test("of a publish that its channel fails to take", async () => {
  vi.spyOn(OrderChannel.prototype, "deliver").mockRejectedValue(fails());
  const path = `/api/v1/publish/orders/${crypto.randomUUID()}`;
  await expectRequestId(await serviceRequest("POST", path, { type: "order_shipped", data: {} }), "deliver");
});

test("of health and metrics", async () => {
  vi.spyOn(ChannelRegistry.prototype, "overview").mockRejectedValue(fails());
  await expectRequestId(await serviceRequest("GET", "/api/v1/ws/health"), "health");
  vi.spyOn(ChannelRegistry.prototype, "metrics").mockRejectedValue(fails());
  await expectRequestId(await serviceRequest("GET", "/metrics"), "metrics");
});
