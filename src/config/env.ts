import type { OrderChannelRpc } from "../channels/contract.ts";
import type { ProductsChannelRpc, ProductsShardRpc } from "../channels/products/shards/contract.ts";
import type { RelayRpc } from "../ingress/redis/contract.ts";
import type { RegistryRpc } from "../registry/contract.ts";

const isTextual = (value: unknown) => typeof value === "string" || typeof value === "number";

/**
 * Returns the text of a setting; undefined for a blank one, which counts as not set. Wrangler passes on numbers and lists
 * of `[vars]` as they are; the text of a list separates its items with commas. Returns any other value unchanged, booleans
 * and blank lists included, for the schema to reject: ignoring one would silently apply the default.
 */
export function settingText(value: unknown): unknown {
  const items: unknown[] = Array.isArray(value) ? value : [value ?? ""];
  if (!items.every(isTextual)) return value;
  const text = items.join(",").trim();
  return text === "" && !Array.isArray(value) ? undefined : text || value;
}

/** What the platform passes in: bindings as objects, settings as values. Explained in `wrangler.toml` and the manual. */
export interface Env {
  ORDER_CHANNEL: DurableObjectNamespace<OrderChannelRpc>;
  PRODUCTS_CHANNEL: DurableObjectNamespace<ProductsChannelRpc>;
  PRODUCTS_SHARD: DurableObjectNamespace<ProductsShardRpc>;
  CHANNEL_REGISTRY: DurableObjectNamespace<RegistryRpc>;
  STREAM_RELAY: DurableObjectNamespace<RelayRpc>;
  /** Identifies the deployment. */
  CF_VERSION_METADATA?: { id: string };
  /** Receives every count as a data point, if bound. */
  ANALYTICS?: AnalyticsEngineDataset;
  /** Rate limits, each a number of calls per key and period. An unbound limiter limits nothing. */
  CONNECTS_PER_ADDRESS?: RateLimit;
  CONNECTS_PER_USER?: RateLimit;
  PUBLISHES_PER_KEY?: RateLimit;
  MANAGEMENT_PER_KEY?: RateLimit;
  BAD_CREDENTIALS_PER_ADDRESS?: RateLimit;
  /** Settings may be missing or invalid: read them through `configOf` only. */
  [setting: string]: unknown;
}
