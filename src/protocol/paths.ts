import type { ChannelName } from "./names.ts";

/** The paths that clients call, below the service's URL. `edge/app.ts` lists every route. */

export const HEALTH_PATH = "/api/v1/ws/health";
export const BATCH_PATH = "/api/v1/publish/batch";

export const orderPath = (orderId: string) => `/api/v1/orders/${orderId}`;

/** Returns the path where listeners connect: `…/ws/orders/<order id>` or `…/ws/products`. */
export const socketPath = (channel: ChannelName) => `/api/v1/ws/${channel.replace("order_", "orders/")}`;

export const publishPath = (channel: ChannelName) => `/api/v1/publish/${channel.replace("order_", "orders/")}`;
