import { expectTypeOf, test } from "vitest";
import {
  createPublisher,
  createStreamPublisher,
  type PublishAnswer,
  type Queued,
  type Rejected,
} from "../../../src/sdk/publisher/publisher.ts";

/** Calls that must not compile. `tsc` fails where an expected error is missing. */

const publisher = createPublisher({ url: "https://tidings.example", key: "key" });

test("data and channel must fit the event's type", () => {
  // Never called: the compiler checks these.
  const calls = () => {
    publisher.publishOrderUpdate("id", "order_shipped", { carrier: "UPS", anything: ["else"] });
    publisher.publishOrderUpdate("id", "order_status_changed", { new_status: "paid" }, { id: "a", version: 1 });
    publisher.publishProductUpdate("price_updated", { product_id: "p", new_price: 9.99 });
    publisher.publishBatch([{ channel: "products", type: "product_deleted", data: { product_id: "p" } }]);

    publisher.publishProductUpdate("product_updated", { product_id: 42 });
    const order = { user_id: 42, status: "new", payment_status: "new" };
    publisher.publishOrderUpdate("id", "order_created", {}, { order });

    // @ts-expect-error an id is text or an integer
    publisher.publishProductUpdate("product_updated", { product_id: true });
    // @ts-expect-error an order has no product events
    publisher.publishOrderUpdate("id", "price_updated", { product_id: "p", new_price: 9.99 });
    // @ts-expect-error products have no order events
    publisher.publishProductUpdate("order_shipped", { carrier: "UPS" });
    // @ts-expect-error unknown type
    publisher.publishProductUpdate("price_changed", { product_id: "p" });
    // @ts-expect-error new_status is missing
    publisher.publishOrderUpdate("id", "order_status_changed", {});
    // @ts-expect-error a price must be a number
    publisher.publishProductUpdate("price_updated", { product_id: "p", new_price: "9.99" });
    // @ts-expect-error a product event needs a product_id
    publisher.publishProductUpdate("inventory_updated", { new_quantity: 1 });
    // @ts-expect-error `order` is for order events
    publisher.publishProductUpdate("product_deleted", { product_id: "p" }, { order: {} });
    // @ts-expect-error an event belongs to its own kind of channel
    publisher.publishBatch([{ channel: "products", type: "order_shipped", data: {} }]);
    // @ts-expect-error key is missing
    createPublisher({ url: "https://tidings.example" });
  };
  expectTypeOf(calls).toBeFunction();
});

test("the answer's type depends on the transport", () => {
  expectTypeOf(publisher.publishProductUpdate<"product_deleted">).returns.resolves.toEqualTypeOf<PublishAnswer>();
  const stream = createStreamPublisher({ redis: { command: async () => null } });
  expectTypeOf(stream.publishProductUpdate<"product_deleted">).returns.resolves.toEqualTypeOf<Queued>();
});

test("a result's fields can be taken without branching; `status` tells the results apart", () => {
  const stream = createStreamPublisher({ redis: { command: async () => null } });
  // Never called: the compiler checks these.
  const calls = async () => {
    const { id, seq, status, receivers } = await publisher.publishProductUpdate("product_deleted", { product_id: "p" });
    expectTypeOf({ id, seq, receivers }).toEqualTypeOf<{
      id: string;
      seq: number | null | undefined;
      receivers: number | undefined;
    }>();
    expectTypeOf(status).toEqualTypeOf<"applied" | "duplicate" | "stale" | "queued">();
    const { seq: none } = await stream.publishOrderUpdate("id", "order_delivered", {});
    expectTypeOf(none).toEqualTypeOf<undefined>();
    for (const { id, status, seq, error, channel } of await publisher.publishBatch([])) {
      expectTypeOf(error?.title).toEqualTypeOf<string | undefined>();
      expectTypeOf({ id, seq, status, channel }).toMatchTypeOf<{ id: string; seq: number | null | undefined }>();
    }
    for (const result of await publisher.publishBatch([])) {
      if (result.status === "rejected") expectTypeOf(result).toEqualTypeOf<Rejected>();
      if (result.status === "applied") expectTypeOf(result.seq).toEqualTypeOf<number | null>();
    }
  };
  expectTypeOf(calls).toBeFunction();
});
