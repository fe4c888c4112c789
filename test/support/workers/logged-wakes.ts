import { OrderChannel as ServiceOrderChannel } from "../../../src/channels/order/order-channel.ts";
import { ProductsChannel as ServiceProductsChannel } from "../../../src/channels/products/products-channel.ts";
import { ProductsShard as ServiceProductsShard } from "../../../src/channels/products/shards/products-shard.ts";
import type { Env } from "../../../src/config/env.ts";

/** The service, with channels that log when they wake and when their alarm is due. */

export { ChannelRegistry, default, StreamRelay, TokenVerifier } from "../../../src/index.ts";

function logWake(ctx: DurableObjectState): void {
  console.log(`woke ${ctx.id.name} with ${ctx.getWebSockets().length} sockets`);
  ctx.waitUntil(
    ctx.storage.getAlarm().then((time) => console.log(`alarm ${time === null ? "none" : time - Date.now()}`)),
  );
}

export class OrderChannel extends ServiceOrderChannel {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    logWake(ctx);
  }
}

export class ProductsChannel extends ServiceProductsChannel {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    logWake(ctx);
  }
}

export class ProductsShard extends ServiceProductsShard {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    logWake(ctx);
  }
}
