import { callService } from "../../support/node-client.ts";

/** Returns the number of open sockets. */
export async function countConnections(url: string): Promise<number> {
  const { total_connections } = await health(url);
  return total_connections;
}

/** Returns the number of open sockets of an order. */
export async function countOrderConnections(url: string, order: string): Promise<number> {
  const { channel_details } = await health(url);
  return channel_details[`order_${order}`] ?? 0;
}

async function health(url: string) {
  const response = await callService(url, "GET", "ws/health");
  return (await response.json()) as { total_connections: number; channel_details: Record<string, number> };
}
