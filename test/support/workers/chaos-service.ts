import { OrderChannel as ServiceOrderChannel } from "../../../src/channels/order/order-channel.ts";
import { ProductsChannel as ServiceProductsChannel } from "../../../src/channels/products/products-channel.ts";
import type { Env } from "../../../src/config/env.ts";
import service from "../../../src/index.ts";

/**
 * The service, whose clock can be set (`/test/clock?offset=-5000`), and whose channels can be evicted with their sockets
 * closed (`/test/evict?channel=products`), as the platform does when it moves an object.
 */

export { ChannelRegistry, ProductsShard, StreamRelay, TokenVerifier } from "../../../src/index.ts";

const realNow = Date.now;
let offset = 0;
Date.now = () => realNow() + offset;

export class OrderChannel extends ServiceOrderChannel {
  async evict(): Promise<void> {
    this.ctx.abort("it is evicted for a test");
  }
}

export class ProductsChannel extends ServiceProductsChannel {
  async evict(): Promise<void> {
    this.ctx.abort("it is evicted for a test");
  }
}

/** The bindings' objects are of the classes above. */
const evictable = (stub: unknown) => stub as DurableObjectStub<OrderChannel>;

export default {
  ...service,
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/test/clock") offset = Number(searchParams.get("offset"));
    else if (pathname === "/test/evict") {
      const channel = String(searchParams.get("channel"));
      const namespace = channel === "products" ? env.PRODUCTS_CHANNEL : env.ORDER_CHANNEL;
      await evictable(namespace.getByName(channel))
        .evict()
        .catch(() => {});
    } else return service.fetch(request, env, ctx);
    return new Response(null, { status: 204 });
  },
} satisfies ExportedHandler<Env>;
