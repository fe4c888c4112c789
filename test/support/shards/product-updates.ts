import { expect } from "vitest";
import { eventually } from "../eventually.ts";
import { publish } from "../service.ts";
import type { TestSocket } from "../test-socket.ts";

/** Numbered updates of products, and which of them a socket receives. */

export const update = (product: string, n = 0) => ({
  type: "product_updated",
  data: { product_id: product, n },
});
export const publishUpdate = (product: string, n = 0) => publish("products", update(product, n));

/** Returns the `seq` of every event that a socket has received until now; array messages are taken apart. */
export function received(socket: TestSocket): number[] {
  return socket
    .drain()
    .flatMap((text) => (text === "pong" ? [] : [JSON.parse(text)].flat()))
    .filter(({ seq }) => seq !== undefined)
    .map(({ seq }) => seq);
}

/** Waits for exactly these events. */
export async function expectEvents(socket: TestSocket, seqs: (number | null)[]): Promise<void> {
  const events: number[] = [];
  await eventually(() => {
    events.push(...received(socket));
    expect(events.length).toBeGreaterThanOrEqual(seqs.length);
  });
  expect(events).toEqual(seqs);
}
