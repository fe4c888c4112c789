import { describe, expectTypeOf, test } from "vitest";
import type { z } from "zod";
import type { EventData, EventType, OrderEvents, ProductEvents } from "../../../src/protocol/event-data.ts";
import type { EVENTS } from "../../../src/protocol/events.ts";

/** Type tests: `tsc` fails if a type differs. */

/** The same fields as one plain object type. */
type Flat<T> = { [Field in keyof T]: T[Field] };
type Inferred<T extends EventType> = Flat<z.infer<(typeof EVENTS)[T]["data"]>>;

describe("the exported event types", () => {
  test("match the schemas, field by field", () => {
    expectTypeOf<{ [T in EventType]: Inferred<T> }>().toEqualTypeOf<{
      [T in EventType]: Flat<(OrderEvents & ProductEvents)[T]>;
    }>();
    expectTypeOf<EventType>().toEqualTypeOf<keyof typeof EVENTS>();
  });

  test("include the order id in every received order event", () => {
    expectTypeOf<EventData<"order_shipped">["order_id"]>().toEqualTypeOf<string>();
    expectTypeOf<OrderEvents["order_shipped"]["order_id"]>().toEqualTypeOf<string | null | undefined>();
    expectTypeOf<EventData<"price_updated">["new_price"]>().toEqualTypeOf<number>();
  });
});
