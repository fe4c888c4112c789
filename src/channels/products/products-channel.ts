import type { Env } from "../../config/env.ts";
import { PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import { Channel } from "../channel.ts";
import { PRODUCT_TABLES, Products } from "./products.ts";

/** The products channel: the history of all product events, and all their listeners. There is one such object. */
export class ProductsChannel extends Channel<Products> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, {
      name: PRODUCTS_CHANNEL,
      moreTables: PRODUCT_TABLES,
      // The same after every wake and different in every deployment, without a row written for the first listener.
      // Deleting the local state of `npm run dev` repeats it.
      firstEpoch: () => ctx.id.toString().slice(0, 8),
      subject: (storage) => new Products(storage),
    });
  }
}
