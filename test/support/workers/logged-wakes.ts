import { OrderChannel as ServiceOrderChannel } from "../../../src/channels/order/order-channel.ts";
import type { Env } from "../../../src/config/env.ts";

/** The service, with order channels that log when they wake and when their alarm is due. */

export { ChannelRegistry, default, ProductsChannel, StreamRelay, TokenVerifier } from "../../../src/index.ts";

export class OrderChannel extends ServiceOrderChannel {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    console.log(`woke ${ctx.id.name} with ${ctx.getWebSockets().length} sockets`);
    ctx.waitUntil(
      ctx.storage.getAlarm().then((time) => console.log(`alarm ${time === null ? "none" : time - Date.now()}`)),
    );
  }
}
