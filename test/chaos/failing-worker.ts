import { OrderChannel as ServiceOrderChannel } from "../../src/channels/order/order-channel.ts";
import type { Env } from "../../src/config/env.ts";
import service from "../../src/index.ts";
import type { AcceptedEvent, PublishOutcome, Source } from "../../src/protocol/publish.ts";
import { MEND_PATH } from "./mend-path.ts";

/**
 * The service, with order objects that fail: those whose id begins with `fa11`, until the time in `FAIL_UNTIL` or until
 * somebody asks for `MEND_PATH`.
 */

export { ChannelRegistry, ProductsChannel, StreamRelay, TokenVerifier } from "../../src/index.ts";

/** The Worker and its objects are one process here, and share this. */
let isMended = false;

export default {
  ...service,
  fetch(request, env, ctx) {
    if (new URL(request.url).pathname !== MEND_PATH) return service.fetch(request, env, ctx);
    isMended = true;
    return new Response(null, { status: 204 });
  },
} satisfies ExportedHandler<Env>;

export class OrderChannel extends ServiceOrderChannel {
  override async deliver(events: AcceptedEvent[], source: Source): Promise<PublishOutcome[]> {
    this.#failForAWhile();
    return super.deliver(events, source);
  }

  override async gap(gapAt: number): Promise<void> {
    this.#failForAWhile();
    return super.gap(gapAt);
  }

  #failForAWhile(): void {
    if (isMended || !this.ctx.id.name?.startsWith("order_fa11")) return;
    if (Date.now() < Number(this.env.FAIL_UNTIL)) {
      throw new Error("this object fails for a while");
    }
  }
}
