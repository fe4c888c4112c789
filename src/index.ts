/** What Cloudflare runs: the request handler and the classes of the objects. */
export { OrderChannel } from "./channels/order-channel.ts";
export { ProductsChannel } from "./channels/products-channel.ts";
export { ChannelRegistry } from "./channels/registry.ts";
export { app as default } from "./edge/app.ts";
export { TokenVerifier } from "./edge/auth/token-verifier.ts";
