import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import { readConnectRequest, refuseConnect, sendElsewhere, withPlan } from "../../src/channels/handshake.ts";
import type { Placement, ShardPlan } from "../../src/channels/products/shards/plan.ts";
import { app } from "../../src/edge/app.ts";
import { shardOrder } from "../../src/edge/placement.ts";
import { silence } from "../support/leak-guard/console.ts";
import { ORIGIN } from "../support/service.ts";
import { TestSocket } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";

/** Which objects the Worker asks for a products socket. The objects are stand-ins that answer as each test says. */

/** Accepts the client with a frame that names the object. */
function accept(name: string): Response {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.send(JSON.stringify({ type: "connection_established", data: { channel: name } }));
  return new Response(null, { status: 101, webSocket: client });
}

const ENAM = (enam: number, decidedAt = enam): ShardPlan => ({ decidedAt, shards: { enam } });
const full = (plan: ShardPlan) => () => sendElsewhere("full", plan);

/** How each object answers; one that is not listed accepts. */
let answers: Record<string, (placement: Placement | null) => Response>;
/** The objects that were asked, in order, with their location hints. */
let asked: string[];
let hints: Record<string, string | undefined>;
/** A new Worker: it knows no plan. */
let worker: typeof env;

beforeEach(() => {
  answers = {};
  asked = [];
  hints = {};
  const namespace = {
    getByName: (name: string, options?: { locationHint?: string }) => ({
      fetch: async (url: string, init: RequestInit) => {
        asked.push(name);
        hints[name] = options?.locationHint;
        const { placement } = readConnectRequest(new Request(url, init));
        return answers[name]?.(placement) ?? accept(name);
      },
    }),
  };
  worker = { ...env, PRODUCTS_CHANNEL: namespace, PRODUCTS_SHARD: namespace } as unknown as typeof env;
});

async function connect(options: { products?: string[]; cf?: CfProperties; user?: string } = {}): Promise<Response> {
  const { products = [], cf, user = "alice" } = options;
  const search = new URLSearchParams([
    ["token", await mintToken({ subject: user })],
    ...products.map((id) => ["product_id", id]),
  ]);
  const request = new Request(`${ORIGIN}/api/v1/ws/products?${search}`, {
    headers: { Upgrade: "websocket" },
    ...(cf && { cf }),
  });
  return app.fetch(request, worker);
}

/** Teaches the Worker a plan, as any answer does. */
async function learn(plan: ShardPlan): Promise<void> {
  answers.products = () => withPlan(accept("products"), plan);
  await connect();
  answers = {};
  asked = [];
}

const shards = (plan: ShardPlan, key: string) => shardOrder(plan, "enam", key).map((index) => `products/enam/${index}`);

describe("without a plan", () => {
  test("every client is the root's, and the answer's plan is not shown to the client", async () => {
    answers.products = () => withPlan(accept("products"), { decidedAt: 0, shards: {} });
    const response = await connect();
    expect([...response.headers.keys()].filter((name) => name.startsWith("x-tidings"))).toEqual([]);
    expect(await new TestSocket(response).frame()).toMatchObject({ data: { channel: "products" } });
    await connect();
    expect(asked).toEqual(["products", "products"]);
  });

  test("the root redirects a client to a shard, and later clients go there directly", async () => {
    const plan = ENAM(3);
    answers.products = () => sendElsewhere("planned", plan);
    const [shard = ""] = shards(plan, "alice");
    expect(await new TestSocket(await connect()).frame()).toMatchObject({ data: { channel: shard } });
    await connect();
    expect(asked).toEqual(["products", shard, shard]);
    expect(hints).toEqual({ products: undefined, [shard]: "enam" });
  });
});

describe("with a plan", () => {
  test("clients of the same product share a shard, clients of all products go by user", async () => {
    const plan = ENAM(16);
    await learn(plan);
    await connect({ products: ["sku-1"], user: "alice" });
    await connect({ products: ["sku-1", "sku-2"], user: "bob" });
    await connect({ user: "bob" });
    expect(asked).toEqual([shards(plan, "sku-1")[0], shards(plan, "sku-1")[0], shards(plan, "bob")[0]]);
  });

  test("clients go to their region", async () => {
    await learn({ decidedAt: 1, shards: { weur: 1, "apac-ne": 1 } });
    await connect({ cf: { continent: "EU", longitude: "2.35" } });
    await connect({ cf: { continent: "AS", longitude: "139.69", latitude: "35.69" } });
    expect(asked).toEqual(["products/weur/0", "products/apac-ne/0"]);
  });

  test("clients of a region that the plan does not have ask the root, which adds it", async () => {
    await learn(ENAM(1));
    answers.products = (placement) => {
      expect(placement).toEqual({ region: "oc", fullOf: null });
      return sendElsewhere("planned", { decidedAt: 9, shards: { enam: 1, oc: 1 } });
    };
    await connect({ cf: { continent: "OC" } });
    expect(asked).toEqual(["products", "products/oc/0"]);
  });

  test("a full shard's clients go to the next one, then to the root, which hears how many shards are full", async () => {
    const plan = ENAM(3);
    await learn(plan);
    const [one = "", two = ""] = shards(plan, "alice");
    answers[one] = full(plan);
    await connect();
    expect(asked).toEqual([one, two]);

    asked = [];
    answers[two] = full(plan);
    answers.products = (placement) => {
      expect(placement).toEqual({ region: "enam", fullOf: 3 });
      return withPlan(accept("products"), ENAM(4));
    };
    expect(await new TestSocket(await connect()).frame()).toMatchObject({ data: { channel: "products" } });
    expect(asked).toEqual([one, two, "products"]);
  });

  test("a shard that fails is passed over", async () => {
    silence();
    const plan = ENAM(2);
    await learn(plan);
    const [one = "", two = ""] = shards(plan, "alice");
    answers[one] = () => {
      throw new Error("it fails for the test");
    };
    expect(await new TestSocket(await connect()).frame()).toMatchObject({ data: { channel: two } });
  });

  test("the root serves a client whose shards fail, and does not count them as full", async () => {
    silence();
    const plan = ENAM(2);
    await learn(plan);
    const [one = "", two = ""] = shards(plan, "alice");
    answers[one] = full(plan);
    answers[two] = () => {
      throw new Error("it fails for the test");
    };
    const placements: unknown[] = [];
    answers.products = (placement) => {
      placements.push(placement);
      return withPlan(accept("products"), plan);
    };
    expect(await new TestSocket(await connect()).frame()).toMatchObject({ data: { channel: "products" } });
    expect(placements).toEqual([{ region: "enam", fullOf: 0 }]);
  });

  test("the plan that was decided last counts, whichever answer comes last", async () => {
    const [older, newer] = [ENAM(1), ENAM(2)];
    await learn(newer);
    const [shard = ""] = shards(newer, "alice");
    answers[shard] = () => withPlan(accept(shard), older);
    await connect();
    await connect();
    expect(asked).toEqual([shard, shard]);
    answers[shard] = full({ decidedAt: 3, shards: {} });
    await connect();
    await connect();
    expect(asked.slice(2)).toEqual([shard, "products", "products"]);
  });

  test("a refusal is final, whichever object gives it", async () => {
    await learn(ENAM(2));
    for (const index of [0, 1]) {
      answers[`products/enam/${index}`] = () => refuseConnect({ reason: "too_many_connections", isFinal: true });
    }
    expect((await new TestSocket(await connect()).closed()).code).toBe(4110);
    expect(asked).toHaveLength(1);
  });

  test("a client that every object sends elsewhere is told to reconnect", async () => {
    const plan = ENAM(2);
    for (const index of [0, 1]) answers[`products/enam/${index}`] = full(plan);
    answers.products = () => sendElsewhere("planned", plan);
    expect((await new TestSocket(await connect()).closed()).code).toBe(4200);
    expect(asked).toHaveLength(4);
  });
});
