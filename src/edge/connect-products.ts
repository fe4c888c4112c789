import type { Context } from "hono";
import { productsStub, shardStub } from "../channels/directory.ts";
import {
  type ConnectRefusal,
  type ConnectRequest,
  type Elsewhere,
  requestProductsSocket,
} from "../channels/handshake.ts";
import { laterPlan, NO_SHARDS, type ShardPlan } from "../channels/products/shards/plan.ts";
import type { Env } from "../config/env.ts";
import { jurisdictionOf } from "../config/jurisdiction.ts";
import { shardName } from "../protocol/shards.ts";
import { type HonoEnv, reportFault } from "./context.ts";
import { regionOf, shardOrder } from "./placement.ts";

/** How many shards a client tries before the root takes it: each is a round trip. */
const MAX_SHARDS_TRIED = 2;

/** The plan that each isolate has learned from answers. */
const plans = new WeakMap<Env, ShardPlan>();

/**
 * Connects a client to a shard of the products channel, passing over those that are full or fail, or else to the root.
 * The root sends a client that has tried no shard to those of its plan, and serves one that has.
 */
export async function connectToProducts(
  c: Context<HonoEnv>,
  request: ConnectRequest,
): Promise<Response | ConnectRefusal> {
  const { env } = c;
  const region = regionOf(c.req.raw.cf, jurisdictionOf(env));
  const key = request.products?.[0] ?? request.identity.subject;
  const known = () => plans.get(env) ?? NO_SHARDS;
  const tried = new Set<number>();
  /** Whether all that were tried are full. One that fails is no reason to add another. */
  let areFull = true;

  const ask = async (object: Fetcher, fullOf: number | null): Promise<Response | ConnectRefusal | Elsewhere> => {
    const { answer, plan } = await requestProductsSocket(object, { ...request, placement: { region, fullOf } });
    if (plan) plans.set(env, laterPlan(known(), plan));
    return answer;
  };
  const askShards = async (): Promise<Response | ConnectRefusal | null> => {
    for (let tries = 0; tries < MAX_SHARDS_TRIED; tries++) {
      // Of the plan as it is now: the last answer may have brought a later one.
      const index = shardOrder(known(), region, key).find((index) => !tried.has(index));
      if (index === undefined) return null;
      tried.add(index);
      try {
        const answer = await ask(shardStub(env, shardName(region, index)), null);
        if (typeof answer !== "string") return answer;
      } catch (error) {
        areFull = false;
        reportFault(c, "shard", error);
      }
    }
    return null;
  };
  const askRoot = (isLastResort: boolean) => {
    const fullOf = areFull ? (known().shards[region] ?? 0) : 0;
    return ask(productsStub(env), isLastResort || tried.size > 0 ? fullOf : null);
  };

  const first = (await askShards()) ?? (await askRoot(false));
  if (typeof first !== "string") return first;
  // The root knows a later plan, with shards for this client.
  const second = (await askShards()) ?? (await askRoot(true));
  return typeof second === "string" ? { reason: "going_away", isFinal: true } : second;
}
