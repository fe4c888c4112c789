import type { ChannelRef } from "./channel-argument.ts";

/** The paths of the service that the command line calls, below the service's URL. */

export const HEALTH_PATH = "/api/v1/ws/health";

export const orderPath = (orderId: string) => `/api/v1/orders/${orderId}`;

/** Returns the path where listeners connect. */
export function socketPath({ orderId }: ChannelRef): string {
  return orderId === null ? "/api/v1/ws/products" : `/api/v1/ws/orders/${orderId}`;
}
