/** The Tidings SDK: an order's updates, or the products', in a page, in Node or in a Worker. */

export { connectOrder, connectProducts } from "./connection.ts";
export type { SharedTabs } from "./output.ts";
export { DEFAULT_TUNING, type Tuning } from "./tuning.ts";
export type * from "./types.ts";
