import { PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import type { Identity } from "../contract.ts";
import type { Listenable } from "../core.ts";

/** The access rule and first frame of the products channel, the same at the root and at its shards. */
export class ListenableProducts implements Listenable {
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
