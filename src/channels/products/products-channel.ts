import type { Env } from "../../config/env.ts";
import { PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import { Channel } from "../channel.ts";
import { PRODUCT_MIGRATIONS } from "./product-table.ts";
import { Products } from "./products.ts";

/** The products channel: the history of all product events, and all their listeners. There is one such object. */
export class ProductsChannel extends Channel<Products> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, {
      name: PRODUCTS_CHANNEL,
      migrations: PRODUCT_MIGRATIONS,
      topic: (storage, config) => new Products(storage, config.historyTtlMs),
    });
  }
}
