import { Redis } from "@upstash/redis";
import { describe, expect, it, onTestFinished } from "vitest";
import { openRedisIngress } from "../../../src/dev/redis-ingress.ts";
import { hasRedis, startRedis } from "../../support/redis.ts";
import { TestTerminal } from "../cli/test-terminal.ts";

/** Port 9 (discard): nothing listens on it here. */
const NO_REDIS = "redis://someone:password-of-the-tests@127.0.0.1:9";

it("without a Redis, the ingress is off and says why and what to do", async () => {
  const ingress = await openRedisIngress(new TestTerminal({ env: { REDIS_URL: NO_REDIS } }));
  expect(ingress).toMatchObject({ isOn: false, variables: {}, redisCli: null });
  expect(ingress.description).toMatch(/^off: no Redis at redis:\/\/127\.0\.0\.1:9 \(.*ECONNREFUSED.*set REDIS_URL/);
  expect(ingress.description).not.toContain("password-of-the-tests");
});

it("an Upstash database in .dev.vars takes precedence over the bridge", async () => {
  const devVars = "UPSTASH_REDIS_REST_URL=https://x.upstash.io\nUPSTASH_REDIS_REST_TOKEN=t\n";
  const ingress = await openRedisIngress(new TestTerminal({ env: { REDIS_URL: NO_REDIS }, devVars }));
  expect(ingress).toMatchObject({ isOn: true, variables: {}, redisCli: null });
  expect(ingress.description).toContain("of .dev.vars");
});

it("a REDIS_URL that is not an address is refused", async () => {
  const terminal = new TestTerminal({ env: { REDIS_URL: "localhost:6379" } });
  await expect(openRedisIngress(terminal)).rejects.toThrow("REDIS_URL must be a redis://");
});

describe.skipIf(!hasRedis("the launcher's bridge"))("with a Redis", () => {
  it("passes the bridge's address to wrangler, and closes the bridge", async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const ingress = await openRedisIngress(new TestTerminal({ env: { REDIS_URL: redis.url } }));
    onTestFinished(() => ingress.close());
    expect(ingress).toMatchObject({ isOn: true, redisCli: `redis-cli -u ${redis.url}` });
    const { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token, ...others } = ingress.variables;
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(others).toEqual({});
    const client = new Redis({ url: String(url), token: String(token), retry: { retries: 0 } });
    expect(await client.ping()).toBe("PONG");
    expect(ingress.description).not.toContain(token);
    await ingress.close();
    await expect(client.ping()).rejects.toThrow("fetch failed");
  });

  it("does not print a password", async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    await redis.cli(
      "ACL",
      "SETUSER",
      "someone",
      "on",
      ">password-of-the-tests",
      "allcommands",
      "allkeys",
      "allchannels",
    );
    const url = redis.url.replace("//", "//someone:password-of-the-tests@");
    const ingress = await openRedisIngress(new TestTerminal({ env: { REDIS_URL: url } }));
    onTestFinished(() => ingress.close());
    expect(ingress.isOn).toBe(true);
    expect(JSON.stringify(ingress)).not.toContain("password-of-the-tests");
  });

  it("is off, with Redis's own error, when Redis requires a password", async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    await redis.cli("CONFIG", "SET", "requirepass", "password-of-the-tests");
    const ingress = await openRedisIngress(new TestTerminal({ env: { REDIS_URL: redis.url } }));
    expect(ingress.isOn).toBe(false);
    expect(ingress.description).toContain("NOAUTH");
  });
});
