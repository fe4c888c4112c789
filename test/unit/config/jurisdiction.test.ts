import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { orderStub, productsStub, shardStub } from "../../../src/channels/directory.ts";
import type { Env } from "../../../src/config/env.ts";
import { relayStub } from "../../../src/ingress/redis/directory.ts";
import { registryStub, registryStubs } from "../../../src/registry/directory.ts";

/**
 * `JURISDICTION`. The local runtime refuses jurisdictions (workerd 1.20261023), so namespaces here record what they are
 * asked for; `test/spec/jurisdiction.test.ts` has the runtime's refusal.
 */

const SRC = join(import.meta.dirname, "../../../src");
/** Each makes a stub; calls and creates nothing. */
const STUBS: Record<string, (env: Env) => unknown> = {
  order: (env) => orderStub(env, crypto.randomUUID()),
  products: productsStub,
  shard: (env) => shardStub(env, "products/weur/0"),
  registry: (env) => registryStub(env, "products"),
  "all registries": (env) => registryStubs(env)[0],
  relay: relayStub,
};

/** A namespace whose stubs are texts that begin with their jurisdiction. */
const namespace = (place: string) => ({
  jurisdiction: (name: string) => namespace(name),
  getByName: (name: string) => `${place}:${name}`,
});

const envWith = (JURISDICTION?: string) =>
  ({
    JURISDICTION,
    ORDER_CHANNEL: namespace("anywhere"),
    PRODUCTS_CHANNEL: namespace("anywhere"),
    PRODUCTS_SHARD: namespace("anywhere"),
    CHANNEL_REGISTRY: namespace("anywhere"),
    STREAM_RELAY: namespace("anywhere"),
    // Only what the directories call is there.
  }) as unknown as Env;

describe.each(Object.entries(STUBS))("the stub of %s", (_, stubIn) => {
  test("is in the European Union with JURISDICTION=eu", () => {
    expect(stubIn(envWith("eu"))).toMatch(/^eu:/);
    expect(stubIn(envWith(" eu "))).toMatch(/^eu:/);
  });

  test("is anywhere without it", () => {
    for (const blank of [undefined, "", " "]) expect(stubIn(envWith(blank))).toMatch(/^anywhere:/);
  });

  test("is not made with an invalid JURISDICTION, which would put data in the wrong place", () => {
    expect(() => stubIn(envWith("EU"))).toThrow("must be eu or empty");
  });
});

test("no other module turns a name into a stub", () => {
  const files = globSync("**/*.{ts,tsx}", { cwd: SRC }).filter((file) =>
    /\.(getByName|idFromName|idFromString|newUniqueId|getExisting)\(/.test(readFileSync(join(SRC, file), "utf8")),
  );
  expect(files.sort()).toEqual(["channels/directory.ts", "ingress/redis/directory.ts", "registry/directory.ts"]);
});
