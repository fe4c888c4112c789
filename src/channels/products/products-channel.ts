import type { Env } from "../../config/env.ts";
import { PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import { Channel } from "../channel.ts";
import { connect } from "../connect.ts";
import { shardStub } from "../directory.ts";
import { readConnectRequest, sendElsewhere, withPlan } from "../handshake.ts";
import { PRODUCT_MIGRATIONS } from "./product-table.ts";
import { Products } from "./products.ts";
import {
  type JoinAnswer,
  type JoinRequest,
  joinRequest,
  type ProductsChannelRpc,
  type ReportAnswer,
  type ReportRequest,
  reportRequest,
} from "./shards/contract.ts";
import { disconnectAll } from "./shards/disconnect.ts";
import { ShardFanOut } from "./shards/shard-fan-out.ts";

/**
 * The products channel: the history of all product events, and their listeners. There is one such object; when it has
 * many listeners, shards serve them, and it is their root.
 */
export class ProductsChannel extends Channel<Products> implements ProductsChannelRpc {
  readonly #shards: ShardFanOut;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, {
      name: PRODUCTS_CHANNEL,
      migrations: PRODUCT_MIGRATIONS,
      topic: (storage, config) => new Products(storage, config.historyTtlMs),
    });
    this.#shards = new ShardFanOut(env, this.core);
    this.core.fanOut = this.#shards;
  }

  /** Admits a client, or sends it to the shards of its region. One that has tried those is served here. */
  override async fetch(request: Request): Promise<Response> {
    const connectRequest = readConnectRequest(request);
    const { placement } = connectRequest;
    const now = Date.now();
    if (!placement) return connect(this.core, connectRequest, now);
    const plan = this.#shards.planFor(placement, now);
    const hasShards = plan.shards[placement.region] !== undefined;
    if (hasShards && placement.fullOf === null) return sendElsewhere("planned", plan);
    const response = connect(this.core, connectRequest, now);
    return plan.decidedAt > 0 ? withPlan(response, plan) : response;
  }

  async join(request: JoinRequest): Promise<JoinAnswer> {
    const { data } = joinRequest.safeParse(request);
    return data ? this.#shards.join(data, Date.now()) : { status: "unreadable" };
  }

  async report(request: ReportRequest): Promise<ReportAnswer> {
    const { data } = reportRequest.safeParse(request);
    return data ? this.#shards.report(data, Date.now()) : { status: "unreadable" };
  }

  /** Closes sockets here and at every shard. Returns how many. @throws when a shard cannot be reached. */
  override async disconnect(userId: string | null): Promise<number> {
    const own = await super.disconnect(userId);
    return own + (await disconnectAll(this.#shards.names, (name) => shardStub(this.env, name).disconnect(userId)));
  }
}
