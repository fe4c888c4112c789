import type { OutcomesText } from "../../../src/channels/contract.ts";
import { OrderChannel as ServiceOrderChannel } from "../../../src/channels/order/order-channel.ts";
import type { Env } from "../../../src/config/env.ts";
import service from "../../../src/index.ts";
import type { AcceptedEvent, Source } from "../../../src/protocol/publish.ts";
import { FAILING_PREFIX, RECOVERY_PATH } from "../failing-orders.ts";

/**
 * The service, with channels that fail: those of orders whose id begins with `fa11`, until the time in `FAIL_UNTIL`
 * or until a request for `RECOVERY_PATH`.
 */

export { ChannelRegistry, ProductsChannel, ProductsShard, StreamRelay, TokenVerifier } from "../../../src/index.ts";

/** The Worker and its objects share this, because here they are one process. */
let hasRecovered = false;

export default {
  ...service,
  fetch(request, env, ctx) {
    if (new URL(request.url).pathname !== RECOVERY_PATH) return service.fetch(request, env, ctx);
    hasRecovered = true;
    return new Response(null, { status: 204 });
  },
} satisfies ExportedHandler<Env>;

export class OrderChannel extends ServiceOrderChannel {
  override async deliver(events: AcceptedEvent[], source: Source): Promise<OutcomesText> {
    this.#failForNow();
    return super.deliver(events, source);
  }

  override async declareGap(gapAt: number): Promise<void> {
    this.#failForNow();
    return super.declareGap(gapAt);
  }

  #failForNow(): void {
    if (hasRecovered || !this.ctx.id.name?.startsWith(`order_${FAILING_PREFIX}`)) return;
    if (Date.now() < Number(this.env.FAIL_UNTIL)) throw new Error("this object fails for the test");
  }
}
