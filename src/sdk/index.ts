/** The Tidings SDK: an order's updates, or the products', in a page, in Node or in a Worker. */

export { connectOrder, connectProducts } from "./connection/connection.ts";
export type { SharedTabs } from "./connection/link.ts";
export type * from "./connection/options.ts";
export { DEFAULT_TUNING, type Tuning } from "./connection/tuning.ts";
export type * from "./connection/types.ts";
