import "./original-received.ts";
import { report, setting } from "./shared.ts";

/** A page with one of the scripts written for the original service, and the functions of the shop that it calls. */

Object.assign(globalThis, {
  updateOrderStatus: (status: string) => report({ order: status }),
  showShippingNotification: (shipping: object) => report({ shipping }),
  updateProductStock: (id: string, stock: number) => report({ [`stock of ${id}`]: stock }),
  updateProductPrice: (id: string, price: number) => report({ [`price of ${id}`]: price }),
  showConnection: (connection: string) => report({ connection }),
});

const scripts: Record<string, () => Promise<unknown>> = {
  order: () => import("pasted:order"),
  products: () => import("pasted:products"),
  heartbeat: () => import("pasted:heartbeat"),
};
await scripts[setting("script")]?.();
