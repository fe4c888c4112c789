import { describe, expect, test } from "vitest";
import { readConfig } from "../../../src/config/config.ts";

const GOOD = { JWT_SECRET: "s".repeat(32), PUBLISH_KEYS: `shop:${"k".repeat(32)}` };

function faultsOf(env: Record<string, unknown>): string[] {
  const result = readConfig({ ...GOOD, ...env });
  return "faults" in result ? result.faults.map(({ setting }) => setting) : [];
}

function configWith(env: Record<string, unknown>) {
  const result = readConfig({ ...GOOD, ...env });
  if ("faults" in result) throw new Error(JSON.stringify(result.faults));
  return result.config;
}

describe("defaults", () => {
  test("two secrets are enough", () => {
    const { jwt, ...config } = configWith({});
    expect(jwt).toMatchObject({ algorithms: ["HS256"], jwksUrl: null, issuer: null, audience: null });
    expect(jwt.secrets).toHaveLength(1);
    expect(config).toEqual({
      corsOrigins: new Set(),
      roleClaim: "role",
      orderIdleRetentionMs: 34_560_000_000,
      storageGeneration: 0,
      plainBytesPerMinute: 4_194_304,
      terminalStatuses: new Set(["delivered", "cancelled", "canceled", "completed", "refunded", "returned", "failed"]),
      adminRoles: new Set(["admin"]),
      ordersApiUrl: null,
      historyLimit: 1000,
      historyTtlMs: 86_400_000,
      idleTimeoutMs: 600_000,
      orderRetentionMs: 2_592_000_000,
      connections: { perUser: 20, perChannel: 30_000 },
      areRatesLimited: true,
      healthIsPublic: false,
      redis: null,
      publishKeys: [{ name: "shop", key: "k".repeat(32), scopes: new Set(["orders", "products", "read"]) }],
    });
  });

  test("blank means not set", () => {
    expect(configWith({ ADMIN_ROLES: " ", JWT_ISSUER: "", HISTORY_LIMIT: "" })).toMatchObject({ historyLimit: 1000 });
  });
});

describe("lists are separated by commas, with or without blanks", () => {
  test("origins, in any case, with or without a trailing slash", () => {
    const { corsOrigins } = configWith({ BACKEND_CORS_ORIGINS: "http://localhost:3000, https://Shop.Example/" });
    expect(corsOrigins).toEqual(new Set(["http://localhost:3000", "https://shop.example"]));
  });

  test("roles, algorithms and keys", () => {
    const config = configWith({
      ADMIN_ROLES: "admin, staff",
      JWT_ALGORITHMS: "HS256,HS512",
      PUBLISH_KEYS: `a:${"1".repeat(32)} , b:${"2".repeat(33)}:products+read`,
      JWT_SECRET: `${"n".repeat(32)}, ${"o".repeat(40)}`,
    });
    expect(config.adminRoles).toEqual(new Set(["admin", "staff"]));
    expect(config.jwt.algorithms).toEqual(["HS256", "HS512"]);
    expect(config.publishKeys.map(({ key }) => key.length)).toEqual([32, 33]);
    expect(config.publishKeys[1]?.scopes).toEqual(new Set(["products", "read"]));
    expect(config.jwt.secrets.map(({ length }) => length)).toEqual([32, 40]);
  });
});

describe("a JWKS", () => {
  const JWKS_URL = "https://login.example/jwks.json?policy=a";

  test("verifies without any JWT_SECRET, when no algorithm needs one", () => {
    const { jwt } = configWith({ JWKS_URL, JWT_ALGORITHMS: "RS256,ES256,EdDSA,PS256", JWT_SECRET: "" });
    expect(jwt).toMatchObject({ jwksUrl: JWKS_URL, secrets: [] });
    expect(faultsOf({ JWKS_URL, JWT_ALGORITHMS: "HS256,RS256", JWT_SECRET: "" })).toEqual(["JWT_SECRET"]);
  });

  test("goes with algorithms that it can verify", () => {
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
    test(`at ${url} is ${isGood ? "taken" : "refused"}`, () =>
      expect(faultsOf({ JWKS_URL: url, JWT_ALGORITHMS: "RS256" })).toEqual(isGood ? [] : ["JWKS_URL"]));
  }
});

describe("refused", () => {
  const bad: [string, Record<string, unknown>][] = [
    ["no JWT_SECRET", { JWT_SECRET: undefined }],
    ["a JWT_SECRET of 31 bytes", { JWT_SECRET: "s".repeat(31) }],
    ["a second JWT_SECRET of 31 bytes", { JWT_SECRET: `${"s".repeat(32)},${"s".repeat(31)}` }],
    ["a PUBLISH_KEYS scope that nobody knows", { PUBLISH_KEYS: `a:${"1".repeat(32)}:everything` }],
    ["a PUBLISH_KEYS scope that every object has", { PUBLISH_KEYS: `a:${"1".repeat(32)}:toString` }],
    ["an empty PUBLISH_KEYS scope", { PUBLISH_KEYS: `a:${"1".repeat(32)}:` }],
    ["a PUBLISH_KEYS key with a colon", { PUBLISH_KEYS: `a:${"1".repeat(32)}:x:orders` }],
    ["a PUBLISH_KEYS key twice", { PUBLISH_KEYS: `a:${"1".repeat(32)}:read,b:${"1".repeat(32)}` }],
    ["no PUBLISH_KEYS", { PUBLISH_KEYS: " , " }],
    ["a PUBLISH_KEYS entry without a name", { PUBLISH_KEYS: "k".repeat(40) }],
    ["a PUBLISH_KEYS key of 31 characters", { PUBLISH_KEYS: `shop:${"k".repeat(31)}` }],
    ["a PUBLISH_KEYS name twice", { PUBLISH_KEYS: `a:${"1".repeat(32)},a:${"2".repeat(32)}` }],
    ["BACKEND_CORS_ORIGINS with a path", { BACKEND_CORS_ORIGINS: "https://shop.example/app" }],
    ["BACKEND_CORS_ORIGINS without a scheme", { BACKEND_CORS_ORIGINS: "shop.example" }],
    ["JWT_ALGORITHMS with none", { JWT_ALGORITHMS: "none" }],
    ["JWT_ALGORITHMS with RS256", { JWT_ALGORITHMS: "HS256,RS256" }],
    ["HISTORY_LIMIT 0", { HISTORY_LIMIT: "0" }],
    ["HISTORY_LIMIT 1e3", { HISTORY_LIMIT: "1e3" }],
    ["HISTORY_TTL_SECONDS -1", { HISTORY_TTL_SECONDS: "-1" }],
    ["ORDERS_API_URL of another scheme", { ORDERS_API_URL: "ftp://api.example/orders" }],
    ["ORDERS_API_URL with a query", { ORDERS_API_URL: "https://api.example/orders?x=1" }],
  ];
  for (const [name, env] of bad) {
    test(name, () => expect(faultsOf(env)).toEqual([Object.keys(env)[0]]));
  }

  test("all at once, and no value is repeated", () => {
    const result = readConfig({ JWT_SECRET: "my-secret", PUBLISH_KEYS: "my-key", HISTORY_LIMIT: "my-limit" });
    expect(result).toMatchObject({
      faults: [{ setting: "JWT_SECRET" }, { setting: "PUBLISH_KEYS" }, { setting: "HISTORY_LIMIT" }],
    });
    expect(JSON.stringify(result)).not.toMatch(/my-/);
  });
});
