import { ProductsChannel as ServiceProductsChannel } from "../../../src/channels/products/products-channel.ts";
import type { JoinAnswer, JoinRequest } from "../../../src/channels/products/shards/contract.ts";
import type { Env } from "../../../src/config/env.ts";
import service from "../../../src/index.ts";

/** The service, which counts what reaches the root of the products channel: `/test/root-requests`, by second. */

export { ChannelRegistry, OrderChannel, ProductsShard, StreamRelay, TokenVerifier } from "../../../src/index.ts";

/** The Worker and its objects share this, because here they are one process. */
const bySecond: Record<number, number> = {};
const count = () => {
  const second = Math.floor(Date.now() / 1000);
  bySecond[second] = (bySecond[second] ?? 0) + 1;
};

export class ProductsChannel extends ServiceProductsChannel {
  override async fetch(request: Request): Promise<Response> {
    count();
    return super.fetch(request);
  }

  override async join(request: JoinRequest): Promise<JoinAnswer> {
    count();
    return super.join(request);
  }
}

export default {
  ...service,
  fetch(request, env, ctx) {
    if (new URL(request.url).pathname === "/test/root-requests") return Response.json(bySecond);
    return service.fetch(request, env, ctx);
  },
} satisfies ExportedHandler<Env>;
