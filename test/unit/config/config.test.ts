import { describe, expect, test } from "vitest";
import { readConfig } from "../../../src/config/config.ts";
import { SETTING_NAMES } from "../../../src/config/schema.ts";
import { EVENTS } from "../../../src/protocol/events.ts";

const GOOD = { JWT_SECRET: "s".repeat(32), PUBLISH_KEYS: `shop:${"k".repeat(32)}` };

function faultsOf(env: Record<string, unknown>): string[] {
  const result = readConfig({ ...GOOD, ...env });
  return result.ok ? [] : result.faults.map(({ setting }) => setting);
}

function configWith(env: Record<string, unknown>) {
  const result = readConfig({ ...GOOD, ...env });
  if (!result.ok) throw new Error(JSON.stringify(result.faults));
  return result.config;
}

describe("defaults", () => {
  test("only the two secrets are required", () => {
    const { jwt, ...config } = configWith({});
    expect(jwt).toMatchObject({
      algorithms: ["HS256"],
      issuers: [{ name: null, keySource: null, usesSecret: true, idPrefix: "" }],
      audiences: [],
    });
    expect(jwt.secrets).toHaveLength(1);
    expect(config).toEqual({
      corsOrigins: { any: false, exact: new Set(), wildcards: [] },
      corsAllowHeaders: expect.arrayContaining([
        "traceparent",
        "tracestate",
        "baggage",
        "sentry-trace",
        "x-request-id",
      ]),
      roleClaim: "role",
      userIdClaim: "sub",
      orderIdleRetentionMs: 34_560_000_000,
      storageGeneration: 0,
      plainBytesPerMinute: 4_194_304,
      productsShards: "auto",
      terminalStatuses: new Set(["delivered", "cancelled", "canceled", "completed", "refunded", "returned", "failed"]),
      adminRoles: new Set(["admin"]),
      ordersApiUrl: null,
      catalogue: new Map(Object.entries(EVENTS)),
      historyLimit: { order: 1000, products: 60_000 },
      historyTtlMs: 86_400_000,
      idleTimeoutMs: 600_000,
      plainKeepaliveMs: Number.POSITIVE_INFINITY,
      plainGraceMs: 0,
      orderRetentionMs: 2_592_000_000,
      connections: { perUser: 20, perChannel: 30_000 },
      areRatesLimited: true,
      contactUrl: null,
      healthIsPublic: false,
      redis: null,
      publishKeys: [{ name: "shop", key: "k".repeat(32), scopes: new Set(["orders", "products", "read"]) }],
    });
  });

  test("a blank setting counts as not set", () => {
    expect(configWith({ ADMIN_ROLES: " ", JWT_ISSUER: "", HISTORY_LIMIT: "" })).toMatchObject({
      historyLimit: { order: 1000, products: 60_000 },
    });
  });

  test("HISTORY_LIMIT is that of every channel", () => {
    expect(configWith({ HISTORY_LIMIT: "500" }).historyLimit).toEqual({ order: 500, products: 500 });
  });
});

describe("PRODUCTS_SHARDS", () => {
  test("is auto, 0 or a number of shards", () => {
    const values = ["auto", "0", "1", "64"].map((value) => configWith({ PRODUCTS_SHARDS: value }).productsShards);
    expect(values).toEqual(["auto", 0, 1, 64]);
  });

  test("names its three forms and a fix when it is anything else", () => {
    expect(readConfig({ ...GOOD, PRODUCTS_SHARDS: "1e1" })).toEqual({
      ok: false,
      faults: [
        {
          setting: "PRODUCTS_SHARDS",
          message: "must be auto, 0 or a whole number from 1 to 64",
          fix: 'set PRODUCTS_SHARDS = "auto" under [vars] in wrangler.toml',
        },
      ],
    });
  });
});

describe("comma-separated lists, with or without blanks", () => {
  test("of statuses, in any case", () => {
    const { terminalStatuses } = configWith({ TERMINAL_STATUSES: "Delivered, PICKED UP,," });
    expect(terminalStatuses).toEqual(new Set(["delivered", "picked up"]));
  });

  test("of roles, algorithms, keys and secrets", () => {
    const config = configWith({
      JWT_AUDIENCE: "shop, admin-app",
      ADMIN_ROLES: "admin, staff",
      JWT_ALGORITHMS: "HS256,HS512",
      PUBLISH_KEYS: `a:${"1".repeat(32)} , b:${"2".repeat(33)}:products+read`,
      JWT_SECRET: `${"n".repeat(32)}, ${"o".repeat(40)}`,
    });
    expect(config.jwt.audiences).toEqual(["shop", "admin-app"]);
    expect(config.adminRoles).toEqual(new Set(["admin", "staff"]));
    expect(config.jwt.algorithms).toEqual(["HS256", "HS512"]);
    expect(config.publishKeys.map(({ key }) => key.length)).toEqual([32, 33]);
    expect(config.publishKeys[1]?.scopes).toEqual(new Set(["products", "read"]));
    expect(config.jwt.secrets.map(({ length }) => length)).toEqual([32, 40]);
  });
});

describe("a setting of wrangler.toml that is not a TOML string", () => {
  test("has the meaning of its text; a list's items are separated by commas", () => {
    const config = configWith({
      JWT_AUDIENCE: ["https://api.shop.example", "admin-app"],
      HISTORY_LIMIT: 500,
      PRODUCTS_SHARDS: 0,
    });
    expect(config.jwt.audiences).toEqual(["https://api.shop.example", "admin-app"]);
    expect(config.historyLimit.order).toBe(500);
    expect(config.productsShards).toBe(0);
    expect(faultsOf({ RATE_LIMITS: false })).toEqual(["RATE_LIMITS"]);
  });

  // What is ignored would accept any audience.
  test.each([[[]], [[""]], [false], [{ aud: "shop" }], [["shop", {}]]])(
    "is refused without a text: %j",
    (JWT_AUDIENCE) => {
      const message = "must be text, a number, or a list with at least one of these";
      const fault = { setting: "JWT_AUDIENCE", message, fix: expect.stringContaining("JWT_AUDIENCE = ") };
      expect(readConfig({ ...GOOD, JWT_AUDIENCE })).toEqual({ ok: false, faults: [fault] });
    },
  );

  test("is refused without a text, whichever it is", () => {
    for (const name of SETTING_NAMES) expect(faultsOf({ [name]: { a: 1 } })).toEqual([name]);
  });
});

test("a list of commas does not hide the other faults", () => {
  const faults = faultsOf({
    JWT_AUDIENCE: ",",
    JWT_SECRET: "",
    UPSTASH_REDIS_REST_URL: "",
    UPSTASH_REDIS_REST_TOKEN: "t",
  });
  expect(faults.sort()).toEqual(["JWT_AUDIENCE", "JWT_SECRET", "UPSTASH_REDIS_REST_URL"]);
});

describe("EXTRA_EVENTS", () => {
  test("adds types of orders and products to the catalogue", () => {
    const { catalogue } = configWith({
      EXTRA_EVENTS: "orders:order_refunded+status, orders:note_added,products:stock_reserved",
    });
    expect([...catalogue].slice(Object.keys(EVENTS).length)).toMatchObject([
      ["order_refunded", { channel: "order", changesStatus: true }],
      ["note_added", { channel: "order" }],
      ["stock_reserved", { channel: "products" }],
    ]);
  });

  test.each([
    ["order_refunded", "does not have this form"],
    ["order:order_refunded", "does not have this form"],
    ["orders:a+status+status", "does not have this form"],
    ["orders:", "does not match"],
    ["orders:Refund", "does not match"],
    ["orders:ack_request", "is reserved"],
    ["orders:subscribe+status", "is reserved"],
    ["products:price_updated", "already in the catalogue"],
    ["products:a+status", "only orders have +status"],
    ["orders:a,products:a", '"a" is declared more than once'],
    ["orders:a,orders:a,orders:b,orders:b,orders:b", '"a" is declared more than once; "b" is declared more than once'],
    [Array.from({ length: 101 }, (_, i) => `orders:a${i}`).join(), "it has 101 types"],
  ])("refuses %s and says why", (EXTRA_EVENTS, why) => {
    const result = readConfig({ ...GOOD, EXTRA_EVENTS });
    expect(result).toMatchObject({
      faults: [
        { setting: "EXTRA_EVENTS", message: expect.stringContaining(why), fix: expect.stringContaining("orders:") },
      ],
    });
  });
});

describe("JWKS_URL", () => {
  const JWKS_URL = "https://login.example/jwks.json?policy=a";

  test("makes JWT_SECRET optional when no algorithm needs it", () => {
    const { jwt } = configWith({ JWKS_URL, JWT_ALGORITHMS: "RS256,ES256,EdDSA,PS256", JWT_SECRET: "" });
    expect(jwt).toMatchObject({ issuers: [{ keySource: { kind: "jwks", url: JWKS_URL } }], secrets: [] });
    expect(faultsOf({ JWKS_URL, JWT_ALGORITHMS: "HS256,RS256", JWT_SECRET: "" })).toEqual(["JWT_SECRET"]);
  });

  test("requires an algorithm that its keys can verify", () => {
    expect(faultsOf({ JWKS_URL })).toEqual(["JWT_ALGORITHMS"]);
    expect(faultsOf({ JWKS_URL, JWT_ALGORITHMS: "HS512" })).toEqual(["JWT_ALGORITHMS"]);
  });

  const urls: [string, boolean][] = [
    ["http://localhost:9000/jwks", true],
    ["http://127.0.0.1:9000/jwks", true],
    ["http://login.example/jwks", false],
    ["http://localhost.evil.example/jwks", false],
    ["https://user:password@login.example/jwks", false],
    ["https://login.example/jwks#a", false],
    ["file:///etc/passwd", false],
    ["data:application/json,{}", false],
    ["login.example", false],
  ];
  for (const [url, isGood] of urls) {
    test(`${isGood ? "accepts" : "refuses"} ${url}`, () =>
      expect(faultsOf({ JWKS_URL: url, JWT_ALGORITHMS: "RS256" })).toEqual(isGood ? [] : ["JWKS_URL"]));
  }
});

describe("several issuers", () => {
  const [A, B, SHOP] = ["https://a.example", "https://b.example/", "shop-api"];
  const [A_KEYS, B_KEYS] = ["https://a.example/jwks.json", "https://keys.example/b"];
  const several = (...names: string[]) => ({
    JWT_ISSUER: names.join(","),
    JWKS_URL: `${A_KEYS}, ${B_KEYS}`,
    JWT_ALGORITHMS: "RS256",
    JWT_SECRET: "",
  });

  test("have a key set each, in the same order, and prefix their users' ids", () => {
    expect(configWith(several(A, B)).jwt.issuers).toEqual([
      { name: A, keySource: { kind: "jwks", url: A_KEYS }, usesSecret: false, idPrefix: "https://a.example#" },
      { name: B, keySource: { kind: "jwks", url: B_KEYS }, usesSecret: false, idPrefix: "https://b.example/#" },
    ]);
  });

  test("that are not https URLs have JWT_SECRET, wherever they are listed", () => {
    const env = { ...several(A, SHOP, B), JWT_ALGORITHMS: "HS256,RS256", JWT_SECRET: "s".repeat(32) };
    expect(configWith(env).jwt.issuers).toMatchObject([
      { name: A, keySource: { kind: "jwks", url: A_KEYS }, usesSecret: false },
      { name: SHOP, keySource: null, usesSecret: true, idPrefix: "shop-api#" },
      { name: B, keySource: { kind: "jwks", url: B_KEYS }, usesSecret: false },
    ]);
  });

  test("are found by discovery, each of them, without JWKS_URL", () => {
    expect(configWith({ ...several(A, B), JWKS_URL: "" }).jwt.issuers).toMatchObject([
      { keySource: { kind: "issuer", url: A } },
      { keySource: { kind: "issuer", url: B } },
    ]);
  });

  test("listed twice are one", () => {
    expect(configWith({ JWT_ISSUER: `${A},${A}` }).jwt.issuers).toMatchObject([{ name: A, idPrefix: "" }]);
  });

  const secret = { JWT_SECRET: "s".repeat(32) };
  const ambiguous: [string, Record<string, string>, string[]][] = [
    ["two that would share JWT_SECRET", { JWT_ISSUER: "a,b" }, ["JWT_ISSUER"]],
    ["two beside a key set", { ...several(A, "a", "b"), JWKS_URL: A_KEYS, ...secret }, ["JWT_ISSUER"]],
    ["one for JWT_SECRET without an HS algorithm", { ...several(A, B, SHOP) }, ["JWT_ISSUER"]],
    ["an HS algorithm for none", { ...several(A, B), JWT_ALGORITHMS: "RS256,HS256", ...secret }, ["JWT_ALGORITHMS"]],
    ["https issuers with HS256 alone", { JWT_ISSUER: `${A},${B}` }, ["JWT_ALGORITHMS"]],
    ["one key set for two", { ...several(A, B), JWKS_URL: A_KEYS }, ["JWKS_URL"]],
    ["two key sets for one", several(A), ["JWKS_URL"]],
    ["two key sets for any issuer", several(), ["JWKS_URL"]],
    ["a # in an issuer", several(A, `${B}#c`), ["JWT_ISSUER"]],
    ["a query in an https issuer", several(A, `${B}?c`), ["JWT_ISSUER"]],
    ["an empty query in an https issuer", several(A, `${B}?`), ["JWT_ISSUER"]],
    ["a password in an https issuer", several(A, "https://a:b@c.example"), ["JWT_ISSUER"]],
  ];
  for (const [name, env, faults] of ambiguous) {
    test(`are refused: ${name}`, () => expect(faultsOf(env)).toEqual(faults));
  }

  test("one without a key set is refused with the setting that makes it possible", () => {
    const result = readConfig({ ...GOOD, ...several(A, SHOP), JWKS_URL: A_KEYS });
    const message = expect.stringContaining("one other issuer is possible if JWT_ALGORITHMS includes an HS algorithm");
    expect(result).toMatchObject({ faults: [{ setting: "JWT_ISSUER", message }] });
  });
});

describe("ROLE_CLAIM and USER_ID_CLAIM", () => {
  const trusted = [
    "role",
    "realm_access.roles",
    "app_metadata.role",
    "role.name",
    "https://shop.example/roles",
    "urn:shop:roles",
    "scope",
  ];
  for (const path of trusted) {
    test(`accept ${path}`, () => expect(faultsOf({ ROLE_CLAIM: path, USER_ID_CLAIM: path })).toEqual([]));
  }

  const editable = [
    ...["user_metadata.role", "user_metadata", "USER_METADATA.role", "userMetadata.role", "raw_user_meta_data.role"],
    ...["unsafe_metadata.role", "unsafeMetadata.role", "user.unsafe_metadata.role", "firebase.user_metadata.role"],
    ...["https://shop.example/user_metadata", "https://shop.example/user_metadata#role", "urn:shop:user_metadata"],
    ...["preferred_username", "nickname", "name"],
  ];
  for (const path of editable) {
    test(`refuse ${path}, which users can edit themselves`, () =>
      expect(faultsOf({ ROLE_CLAIM: path, USER_ID_CLAIM: path })).toEqual(["ROLE_CLAIM", "USER_ID_CLAIM"]));
  }
});

describe("a configuration is refused for", () => {
  const bad: [string, Record<string, unknown>][] = [
    ["no JWT_SECRET", { JWT_SECRET: undefined }],
    ["a JWT_SECRET of 31 bytes", { JWT_SECRET: "s".repeat(31) }],
    ["a second JWT_SECRET of 31 bytes", { JWT_SECRET: `${"s".repeat(32)},${"s".repeat(31)}` }],
    ["an unknown PUBLISH_KEYS scope", { PUBLISH_KEYS: `a:${"1".repeat(32)}:everything` }],
    ["a PUBLISH_KEYS scope named like a property of every object", { PUBLISH_KEYS: `a:${"1".repeat(32)}:toString` }],
    ["an empty PUBLISH_KEYS scope", { PUBLISH_KEYS: `a:${"1".repeat(32)}:` }],
    ["a PUBLISH_KEYS key with a colon", { PUBLISH_KEYS: `a:${"1".repeat(32)}:x:orders` }],
    ["a repeated PUBLISH_KEYS key", { PUBLISH_KEYS: `a:${"1".repeat(32)}:read,b:${"1".repeat(32)}` }],
    ["no PUBLISH_KEYS", { PUBLISH_KEYS: " , " }],
    ["a PUBLISH_KEYS entry without a name", { PUBLISH_KEYS: "k".repeat(40) }],
    ["a PUBLISH_KEYS key of 31 characters", { PUBLISH_KEYS: `shop:${"k".repeat(31)}` }],
    ["a repeated PUBLISH_KEYS name", { PUBLISH_KEYS: `a:${"1".repeat(32)},a:${"2".repeat(32)}` }],
    ["CORS_ALLOW_HEADERS with a blank", { CORS_ALLOW_HEADERS: "x-trace id" }],
    ["CORS_ALLOW_HEADERS with a colon", { CORS_ALLOW_HEADERS: "x-trace: 1" }],
    ["JWT_ALGORITHMS with none", { JWT_ALGORITHMS: "none" }],
    ["JWT_ALGORITHMS with RS256", { JWT_ALGORITHMS: "HS256,RS256" }],
    ["HISTORY_LIMIT 0", { HISTORY_LIMIT: "0" }],
    ["HISTORY_LIMIT 1e3", { HISTORY_LIMIT: "1e3" }],
    ["HISTORY_TTL_SECONDS -1", { HISTORY_TTL_SECONDS: "-1" }],
    ["ORDER_IDLE_RETENTION_SECONDS 59", { ORDER_IDLE_RETENTION_SECONDS: "59" }],
    ["ORDER_IDLE_RETENTION_SECONDS for ever", { ORDER_IDLE_RETENTION_SECONDS: "315360001" }],
    ["ORDER_IDLE_RETENTION_SECONDS in days", { ORDER_IDLE_RETENTION_SECONDS: "400d" }],
    ["TERMINAL_STATUSES without any", { TERMINAL_STATUSES: " , " }],
    ["TERMINAL_STATUSES longer than a status", { TERMINAL_STATUSES: `delivered,${"x".repeat(65)}` }],
    ["STORAGE_GENERATION -1", { STORAGE_GENERATION: "-1" }],
    ["STORAGE_GENERATION that is no number", { STORAGE_GENERATION: "restored" }],
    ["STORAGE_GENERATION of seven digits", { STORAGE_GENERATION: "1000000" }],
    ["MAX_PLAIN_BYTES_PER_MINUTE below one event", { MAX_PLAIN_BYTES_PER_MINUTE: "65535" }],
    ["MAX_PLAIN_BYTES_PER_MINUTE in MB", { MAX_PLAIN_BYTES_PER_MINUTE: "4MB" }],
    ["MAX_PLAIN_BYTES_PER_MINUTE above 1 GB", { MAX_PLAIN_BYTES_PER_MINUTE: "1073741825" }],
    ["PRODUCTS_SHARDS of more than 64", { PRODUCTS_SHARDS: "65" }],
    ["PRODUCTS_SHARDS that is no number", { PRODUCTS_SHARDS: "many" }],
    ["PRODUCTS_SHARDS below 0", { PRODUCTS_SHARDS: "-1" }],
    ["PRODUCTS_SHARDS with a leading zero", { PRODUCTS_SHARDS: "04" }],
    ["JURISDICTION other than eu", { JURISDICTION: "us" }],
    ["JURISDICTION in capitals", { JURISDICTION: "EU" }],
    ["JWT_ISSUER of commas, which would accept any issuer", { JWT_ISSUER: " , " }],
    ["JWT_AUDIENCE of commas, which would accept any audience", { JWT_AUDIENCE: "," }],
    ["ADMIN_ROLES of commas", { ADMIN_ROLES: "," }],
    ["HEALTH_DETAILS other than public", { HEALTH_DETAILS: "all" }],
    ["CONTACT_URL without https or mailto", { CONTACT_URL: "http://shop.example" }],
    ["CONTACT_URL as an address alone", { CONTACT_URL: "api@shop.example" }],
    ["RATE_LIMITS other than on or off", { RATE_LIMITS: "none" }],
    ["PLAIN_KEEPALIVE_SECONDS below 60", { PLAIN_KEEPALIVE_SECONDS: "59" }],
    ["TOKEN_END other than close or keep", { TOKEN_END: "never" }],
    ["UPSTASH_REDIS_REST_TOKEN without its URL", { UPSTASH_REDIS_REST_URL: "", UPSTASH_REDIS_REST_TOKEN: "t" }],
    ["ORDERS_API_URL of another scheme", { ORDERS_API_URL: "ftp://api.example/orders" }],
    ["ORDERS_API_URL with credentials", { ORDERS_API_URL: "https://shop:secret@api.example/orders" }],
    ["ORDERS_API_URL with a query", { ORDERS_API_URL: "https://api.example/orders?x=1" }],
    ["ORDERS_API_URL with an empty query", { ORDERS_API_URL: "https://api.example/orders?" }],
    ["ORDERS_API_URL with an empty fragment", { ORDERS_API_URL: "https://api.example/orders#" }],
  ];
  for (const [name, env] of bad) {
    const [setting = ""] = Object.keys(env);
    test(name, () => expect(faultsOf(env)).toEqual([setting]));

    test(`${name}: the suggested value is valid`, () => {
      const result = readConfig({ ...GOOD, ...env });
      const [, value] = /^set \w+ = "(.*)" under/.exec(result.ok ? "" : (result.faults[0]?.fix ?? "")) ?? [];
      expect(value).not.toBe("undefined");
      if (value !== undefined) expect(faultsOf({ ...env, [setting]: value })).toEqual([]);
    });
  }

  test("all its faults at once, without repeating a value", () => {
    const result = readConfig({ JWT_SECRET: "my-secret", PUBLISH_KEYS: "my-key", HISTORY_LIMIT: "my-limit" });
    expect(result).toMatchObject({
      faults: [{ setting: "JWT_SECRET" }, { setting: "PUBLISH_KEYS" }, { setting: "HISTORY_LIMIT" }],
    });
    expect(JSON.stringify(result)).not.toMatch(/my-/);
  });

  test("faults across settings beside faults of single ones", () => {
    const env = { JWT_SECRET: "", JWT_ALGORITHMS: "none", HISTORY_LIMIT: "0", UPSTASH_REDIS_REST_URL: "no url" };
    expect(faultsOf(env)).toEqual([
      "JWT_ALGORITHMS",
      "JWT_SECRET",
      "UPSTASH_REDIS_REST_URL",
      "UPSTASH_REDIS_REST_TOKEN",
      "HISTORY_LIMIT",
    ]);
  });
});

describe("a renamed setting", () => {
  test("is a fault that names its successor", () => {
    expect(readConfig({ ...GOOD, GHOST_SECONDS: "60" })).toEqual({
      ok: false,
      faults: [
        {
          setting: "GHOST_SECONDS",
          message: expect.stringMatching(/^must .*IDLE_TIMEOUT_SECONDS/),
          fix: expect.stringContaining("IDLE_TIMEOUT_SECONDS"),
        },
      ],
    });
  });

  test("may stay blank", () => expect(faultsOf({ GHOST_SECONDS: "" })).toEqual([]));
});
