import { exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { createPublisher } from "../../src/sdk/publisher/publisher.ts";
import { connect, ORIGIN, registerOrder } from "../support/service.ts";
import { PUBLISH_KEY } from "../support/test-env.ts";
import { mintToken } from "../support/tokens.ts";

test("a Worker publishes through a service binding with the SDK publisher, single events and batches", async () => {
  const orderId = await registerOrder();
  const listener = await connect(`orders/${orderId}`, { token: await mintToken() });
  const options = {
    url: ORIGIN,
    key: PUBLISH_KEY,
    fetch: (url: string, init: RequestInit) => exports.default.fetch(new Request(url, init)),
  };
  await createPublisher(options).publishOrderUpdate(orderId, "order_shipped", { carrier: "UPS" });
  const batching = createPublisher({ ...options, batch: {} });
  void batching.publishOrderUpdate(orderId, "order_delivered", {});
  await batching.flush();
  expect((await listener.frames(3)).map(({ type }) => type)).toEqual([
    "connection_established",
    "order_shipped",
    "order_delivered",
  ]);
});
