/** The package entry `tidings/client`: connections to orders and products, in browsers, Node, Bun and Workers. */

export { connectOrder, connectProducts } from "./connection/connection.ts";
export type { SharedTabs } from "./connection/link.ts";
export type * from "./connection/options.ts";
export { DEFAULT_TUNING, type Tuning } from "./connection/tuning.ts";
export type * from "./connection/types.ts";
