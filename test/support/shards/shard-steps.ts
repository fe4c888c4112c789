import fc from "fast-check";
import { CONTINENTS } from "./sharded-channel.ts";

/** Random steps on the products channel and its shards. */

export const LISTENERS = 4;
export const PRODUCTS = 3;
export const TYPES = ["product_updated", "inventory_updated", "price_updated"] as const;

const products = fc.subarray([0, 1, 2], { minLength: 1, maxLength: 2 });
const listener = fc.nat(LISTENERS - 1);
const event = fc.record({
  product: fc.nat(PRODUCTS - 1),
  type: fc.constantFrom(...TYPES),
  /** Few different ids and versions, so that duplicates and late events are common. */
  id: fc.option(fc.nat(4), { freq: 2 }),
  version: fc.option(fc.nat(5), { freq: 2 }),
});
export type PublishedEvent = typeof event extends fc.Arbitrary<infer T> ? T : never;
const continent = fc.constantFrom(...CONTINENTS.slice(0, 2));
const connection = {
  listener,
  continent,
  user: fc.nat(3),
  wanted: fc.option(products, { freq: 2 }),
  speaksV1: fc.boolean(),
  isConflated: fc.boolean(),
};

const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("publish" as const), event }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("batch" as const),
      events: fc.array(event, { minLength: 1, maxLength: 6 }),
    }),
  },
  // More than fits one push.
  { weight: 1, arbitrary: fc.record({ do: fc.constant("large batch" as const), product: fc.nat(PRODUCTS - 1) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("connect" as const), ...connection }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("connect during pushes" as const),
      ...connection,
      events: fc.array(event, { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("subscribe" as const), listener, products }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("unsubscribe" as const), listener, products }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("drop" as const), listener }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("evict root" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("kill root" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("evict shards" as const), continent }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("close shards" as const), continent }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("kill shards" as const), continent }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("fault" as const),
      call: fc.constantFrom("take" as const, "take" as const, "join" as const),
      fault: fc.constantFrom("fail" as const, "lose answer" as const, "delay" as const, "delay answer" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("later" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("gap" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("disconnect" as const), user: fc.option(fc.nat(3)) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("plan" as const), shards: fc.constantFrom(0, 1, 4) }) },
);
/** One action. */
export type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;
/** A client that connects. */
export type Arrival = Extract<Action, { do: "connect" }> | Extract<Action, { do: "connect during pushes" }>;
/** Up to three actions at the same time. */
export const shardStep = fc.array(action, { minLength: 1, maxLength: 3 });
