import { PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import type { Identity } from "../contract.ts";
import type { Listenable } from "../core.ts";

/** Who may listen to the products, at the root as at a shard. */
export class ProductListeners implements Listenable {
  readonly kind = "products";

  describe(): Record<string, unknown> {
    return { channel: PRODUCTS_CHANNEL };
  }

  /** Any authenticated user may listen, but a ticket admits to its order only. */
  refusalFor({ orderId }: Identity): "access_denied" | null {
    return orderId === null ? null : "access_denied";
  }

  isRefusalFinal(): boolean {
    return true;
  }
}
