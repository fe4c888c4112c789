import { describe, expectTypeOf, test } from "vitest";
import type { z } from "zod";
import type { EventData, EventType, OrderEvents, ProductEvents } from "../../../src/protocol/event-data.ts";
import type { EVENTS } from "../../../src/protocol/events.ts";

/** The compiler runs these: `tsc` fails where a type is not what is said here. */

/** One plain object type of the same fields, however it was put together. */
type Flat<T> = { [Field in keyof T]: T[Field] };
type Inferred<T extends EventType> = Flat<z.infer<(typeof EVENTS)[T]["data"]>>;

describe("the types that programs see", () => {
  test("are the schemas', type by type and field by field", () => {
    expectTypeOf<{ [T in EventType]: Inferred<T> }>().toEqualTypeOf<{
      [T in EventType]: Flat<(OrderEvents & ProductEvents)[T]>;
    }>();
    expectTypeOf<EventType>().toEqualTypeOf<keyof typeof EVENTS>();
  });

  test("tell that an order event always arrives with its order id", () => {
    expectTypeOf<EventData<"order_shipped">["order_id"]>().toEqualTypeOf<string>();
    expectTypeOf<OrderEvents["order_shipped"]["order_id"]>().toEqualTypeOf<string | undefined>();
    expectTypeOf<EventData<"price_updated">["new_price"]>().toEqualTypeOf<number>();
  });
});
