/** The Worker's entry: its handlers, its Durable Object classes and its named entry point. */
import { app } from "./edge/app.ts";
import { watchdog } from "./ingress/watchdog.ts";

export { OrderChannel } from "./channels/order/order-channel.ts";
export { ProductsChannel } from "./channels/products/products-channel.ts";
export { ProductsShard } from "./channels/products/shards/products-shard.ts";
export { TokenVerifier } from "./edge/auth/token-verifier.ts";
export { StreamRelay } from "./ingress/redis/relay.ts";
export { ChannelRegistry } from "./registry/channel-registry.ts";
export default { fetch: app.fetch, scheduled: watchdog };
