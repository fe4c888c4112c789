import { app } from "./edge/app.ts";
import { watchdog } from "./ingress/watchdog.ts";

/** What Cloudflare runs: the handlers and the classes of the objects. */
export { OrderChannel } from "./channels/order-channel.ts";
export { ProductsChannel } from "./channels/products-channel.ts";
export { ChannelRegistry } from "./channels/registry.ts";
export { TokenVerifier } from "./edge/auth/token-verifier.ts";
export { StreamRelay } from "./ingress/redis/relay.ts";
export default { fetch: app.fetch, scheduled: watchdog };
