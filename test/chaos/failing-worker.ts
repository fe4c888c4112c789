import type { Delivery } from "../../src/channels/channel.ts";
import { OrderChannel as ServiceOrderChannel } from "../../src/channels/order-channel.ts";
import type { AcceptedEvent, Source } from "../../src/protocol/publish.ts";

/** The service, with order objects that fail: those whose id begins with `fa11`, until the time in `FAIL_UNTIL`. */

export { ChannelRegistry, default, ProductsChannel, StreamRelay, TokenVerifier } from "../../src/index.ts";

export class OrderChannel extends ServiceOrderChannel {
  override async deliver(events: AcceptedEvent[], source: Source): Promise<Delivery[]> {
    this.#failForAWhile();
    return super.deliver(events, source);
  }

  override async gap(gapAt: number): Promise<void> {
    this.#failForAWhile();
    return super.gap(gapAt);
  }

  #failForAWhile(): void {
    if (this.ctx.id.name?.startsWith("order_fa11") && Date.now() < Number(this.env.FAIL_UNTIL)) {
      throw new Error("this object fails for a while");
    }
  }
}
