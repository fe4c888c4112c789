import { expectTypeOf, test } from "vitest";
import {
  createPublisher,
  createStreamPublisher,
  type PublishAnswer,
  type Queued,
} from "../../../src/sdk/publisher/publisher.ts";

/** What must not compile does not: `tsc` fails where an expected error is missing. */

const publisher = createPublisher({ url: "https://tidings.example", key: "key" });

test("what is published fits its type and its channel", () => {
  // Never called: the compiler is what runs these.
  const calls = () => {
    publisher.publishOrderUpdate("id", "order_shipped", { carrier: "UPS", anything: ["else"] });
    publisher.publishOrderUpdate("id", "order_status_changed", { new_status: "paid" }, { id: "a", version: 1 });
    publisher.publishProductUpdate("price_updated", { product_id: "p", new_price: 9.99 });
    publisher.publishBatch([{ channel: "products", type: "product_deleted", data: { product_id: "p" } }]);

    // @ts-expect-error a product's event is none of an order
    publisher.publishOrderUpdate("id", "price_updated", { product_id: "p", new_price: 9.99 });
    // @ts-expect-error an order's event is none of products
    publisher.publishProductUpdate("order_shipped", { carrier: "UPS" });
    // @ts-expect-error no such type
    publisher.publishProductUpdate("price_changed", { product_id: "p" });
    // @ts-expect-error new_status is missing
    publisher.publishOrderUpdate("id", "order_status_changed", {});
    // @ts-expect-error a price is a number
    publisher.publishProductUpdate("price_updated", { product_id: "p", new_price: "9.99" });
    // @ts-expect-error a product's event names its product
    publisher.publishProductUpdate("inventory_updated", { new_quantity: 1 });
    // @ts-expect-error `order` is for orders
    publisher.publishProductUpdate("product_deleted", { product_id: "p" }, { order: {} });
    // @ts-expect-error an event goes to its own kind of channel
    publisher.publishBatch([{ channel: "products", type: "order_shipped", data: {} }]);
    // @ts-expect-error a key is needed
    createPublisher({ url: "https://tidings.example" });
  };
  expectTypeOf(calls).toBeFunction();
});

test("what comes back says which way the event went", () => {
  expectTypeOf(publisher.publishProductUpdate<"product_deleted">).returns.resolves.toEqualTypeOf<PublishAnswer>();
  const stream = createStreamPublisher({ redis: { command: async () => null } });
  expectTypeOf(stream.publishProductUpdate<"product_deleted">).returns.resolves.toEqualTypeOf<Queued>();
});
