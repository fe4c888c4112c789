import { SETTING_NAMES } from "../../src/config/schema.ts";

/** Every setting at its default, whatever a developer's `.dev.vars` and `wrangler.toml` say. */
const DEFAULTS: Record<string, string> = Object.fromEntries(SETTING_NAMES.map((name) => [name, ""]));

/** A publish key for each scope; two more keys have every scope. */
export const SCOPED_KEYS = {
  orders: "test-publish-key-0123456789abcdef-desk",
  products: "test-publish-key-0123456789abcdef-stocktaker",
  read: "test-publish-key-0123456789abcdef-reader",
};

/** The settings of the service under test; the secrets are made up. */
export const TEST_ENV = {
  ...DEFAULTS,
  // Tests publish more than a client reads in a minute; `test/limits` has the limit itself.
  MAX_PLAIN_BYTES_PER_MINUTE: String(64 * 1024 * 1024),
  // Tests fill the history of products, too; `test/chaos/busy-shop` has the default.
  HISTORY_LIMIT: "1000",
  JWT_SECRET: "test-secret-that-verifies-nothing-real-0123456789",
  PUBLISH_KEYS: [
    "shop:test-publish-key-0123456789abcdef-shop",
    "stock:test-publish-key-0123456789abcdef-stock",
    `desk:${SCOPED_KEYS.orders}:orders`,
    `stocktaker:${SCOPED_KEYS.products}:products`,
    `reader:${SCOPED_KEYS.read}:read`,
  ].join(","),
  BACKEND_CORS_ORIGINS: "https://shop.example,http://localhost:3000",
  EXTRA_EVENTS: "orders:order_refunded+status,orders:note_added,products:stock_reserved",
  HEALTH_DETAILS: "",
  // Most tests connect without limits; those in `test/limits` have their own settings.
  RATE_LIMITS: "off",
};

export const PUBLISH_KEY = "test-publish-key-0123456789abcdef-shop";
