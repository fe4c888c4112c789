import { app } from "./edge/app.ts";
import { watchdog } from "./ingress/watchdog.ts";

/** The Worker entry: handlers and Durable Object classes. */
export { OrderChannel } from "./channels/order/order-channel.ts";
export { ProductsChannel } from "./channels/products/products-channel.ts";
export { TokenVerifier } from "./edge/auth/token-verifier.ts";
export { StreamRelay } from "./ingress/redis/relay.ts";
export { ChannelRegistry } from "./registry/channel-registry.ts";
export default { fetch: app.fetch, scheduled: watchdog };
