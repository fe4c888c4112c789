import { ProductsChannel as ServiceProductsChannel } from "../../../src/channels/products/products-channel.ts";
import type { TakeAnswer, TakeRequest } from "../../../src/channels/products/shards/contract.ts";
import { ProductsShard as ServiceProductsShard } from "../../../src/channels/products/shards/products-shard.ts";
import type { Env } from "../../../src/config/env.ts";
import service from "../../../src/index.ts";
import { setForward } from "./forward-clock.ts";

/**
 * The service, whose root and shards tests can kill: at once (`/test/kill?name=products/weur/0`), or when the next push
 * reaches a point of its way (`/test/arm?point=taken&victim=root`). `/test/listeners?name=products` counts those of an
 * object, `/test/shards?count=4` does what another `PRODUCTS_SHARDS` does after a deploy, and `/test/later?ms=60000` sets
 * the clock forward. A client says where it is with `?continent=`.
 */

export { ChannelRegistry, OrderChannel, StreamRelay, TokenVerifier } from "../../../src/index.ts";

/** The way of a push: its events are stored; the shard has it; the shard has sent it on; the root has the answer. */
type Point = "committed" | "pushed" | "taken" | "acknowledged";

/** The Worker and its objects share this, because here they are one process. */
let armed: { point: string; victim: string } | null = null;

/** Kills the victim when a push reaches the point. As for the process: the test kills it. */
async function reach(point: Point, shard: string, env: Env, { frames }: TakeRequest): Promise<void> {
  if (armed?.point !== point || frames.length === 0) return;
  const { victim } = armed;
  armed = null;
  console.log(`reached ${point}`);
  if (victim === "process") await scheduler.wait(60_000);
  else await mortal(env, victim === "root" ? "products" : shard).die();
}

interface Mortal extends Rpc.DurableObjectBranded {
  die(): Promise<void>;
  countListeners(): Promise<number>;
  setShards(count: number): Promise<void>;
}

/** The bindings' objects are of the classes below. */
function mortal(env: Env, name: string): DurableObjectStub<Mortal> {
  const stub = name === "products" ? env.PRODUCTS_CHANNEL.getByName(name) : env.PRODUCTS_SHARD.getByName(name);
  return stub as unknown as DurableObjectStub<Mortal>;
}

/** Returns the root's environment, with shards whose pushes are watched at its own end. */
function watched(env: Env): Env {
  const take = (stub: { take(push: TakeRequest): Promise<TakeAnswer> }, shard: string) => async (push: TakeRequest) => {
    await reach("committed", shard, env, push);
    const answer = await stub.take(push);
    await reach("acknowledged", shard, env, push);
    return answer;
  };
  const namespace = new Proxy(env.PRODUCTS_SHARD, {
    get: (shards, key) =>
      key === "getByName"
        ? (name: string, options?: DurableObjectNamespaceGetDurableObjectOptions) => {
            const stub = shards.getByName(name, options);
            return new Proxy(stub, {
              get: (stub, key) => (key === "take" ? take(stub, name) : Reflect.get(stub, key, stub)),
            });
          }
        : Reflect.get(shards, key, shards),
  });
  return { ...env, PRODUCTS_SHARD: namespace };
}

export class ProductsChannel extends ServiceProductsChannel {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, watched(env));
  }

  async die(): Promise<void> {
    this.ctx.abort("it dies for a test");
  }

  /** The setting is read again when the root wakes. */
  async setShards(productsShards: number): Promise<void> {
    Object.assign(this.core.config, { productsShards });
  }
}

export class ProductsShard extends ServiceProductsShard {
  override async take(push: TakeRequest): Promise<TakeAnswer> {
    const name = String(this.ctx.id.name);
    await reach("pushed", name, this.env, push);
    const answer = await super.take(push);
    await reach("taken", name, this.env, push);
    return answer;
  }

  async die(): Promise<void> {
    this.ctx.abort("it dies for a test");
  }
}

export default {
  ...service,
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname) {
      case "/test/arm":
        armed = { point: searchParams.get("point") ?? "", victim: searchParams.get("victim") ?? "" };
        return new Response();
      case "/test/kill":
        await mortal(env, searchParams.get("name") ?? "")
          .die()
          .catch(() => {});
        return new Response();
      case "/test/listeners":
        return new Response(String(await mortal(env, searchParams.get("name") ?? "").countListeners()));
      case "/test/shards":
        await mortal(env, "products").setShards(Number(searchParams.get("count")));
        return new Response();
      case "/test/later":
        setForward(Number(searchParams.get("ms")));
        return new Response();
      default: {
        const continent = searchParams.get("continent");
        return service.fetch(continent ? new Request(request, { cf: { continent } }) : request, env, ctx);
      }
    }
  },
} satisfies ExportedHandler<Env>;
