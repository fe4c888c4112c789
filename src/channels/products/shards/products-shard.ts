import type { Env } from "../../../config/env.ts";
import { onAlarm } from "../../alarm.ts";
import type { Usage } from "../../contract.ts";
import { readConnectRequest } from "../../handshake.ts";
import { maintainListeners } from "../../listener-maintenance.ts";
import { SocketObject } from "../../socket-object.ts";
import { connectToShard } from "./connect-to-shard.ts";
import { type ProductsShardRpc, type TakeAnswer, type TakeRequest, takeRequest } from "./contract.ts";
import { cover } from "./cover.ts";
import { report } from "./report.ts";
import { Shard } from "./shard.ts";
import { take } from "./take.ts";

/** Serves part of the products channel's listeners, near them. The root pushes the events. Its name is a `ShardName`. */
export class ProductsShard extends SocketObject<Shard> implements ProductsShardRpc {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, new Shard(ctx, env, { cover, report }));
  }

  override fetch(request: Request): Promise<Response> {
    return connectToShard(this.core, readConnectRequest(request), Date.now());
  }

  async take(request: TakeRequest): Promise<TakeAnswer> {
    const push = takeRequest.safeParse(request);
    return push.success ? take(this.core, push.data) : { status: "unreadable" };
  }

  override async disconnect(userId: string | null): Promise<number> {
    for (const client of this.core.joining) {
      if (userId === null || client.subject === userId) client.isDisconnected = true;
    }
    return super.disconnect(userId);
  }

  async usage(): Promise<Usage> {
    return { rowsRead: 0, rowsWritten: 0, alarmsSet: this.core.alarm.timesSet };
  }

  override alarm(): Promise<void> {
    const now = Date.now();
    return onAlarm(this.core, now, () => maintainListeners(this.core, Number.POSITIVE_INFINITY, now));
  }
}
