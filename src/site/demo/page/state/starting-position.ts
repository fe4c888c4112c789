import { useEffect, useState } from "react";
import { isRecord, parseJson } from "../../../../protocol/json.ts";
import { orderPath } from "../../../../protocol/paths.ts";
import { connectProducts, type Position } from "../../../../sdk/index.ts";

/**
 * Finds the position to start from. Most pages connect without a position and see only new events. The demo also shows
 * earlier events, so it starts from an earlier position and lets the SDK resume from there.
 */

/** Below the default history of an order (1,000 events), so the history still holds all of them. Products keep more. */
export const EARLIER_EVENTS = 900;

const earlier = ({ epoch, seq }: Position): Position => ({ epoch, seq: Math.max(0, seq - EARLIER_EVENTS) });

/** Reads the order's position from its snapshot. Returns null if there is none; the connection then reports why. */
export async function orderStartingPosition(
  orderId: string,
  token: string,
  signal: AbortSignal,
): Promise<Position | null> {
  const headers = { Authorization: `Bearer ${token}` };
  const response = await fetch(orderPath(orderId), { headers, signal });
  const position = response.ok ? positionIn(await response.text()) : null;
  return position && earlier(position);
}

/** Returns the position in JSON text; null if there is none. */
export function positionIn(text: string): Position | null {
  const value = parseJson(text);
  if (!isRecord(value) || typeof value.epoch !== "string" || typeof value.seq !== "number") return null;
  return { epoch: value.epoch, seq: value.seq };
}

/**
 * Reads the products' position from the first frame of a short connection, which retries while the service is
 * unreachable.
 * @returns Null if the service refuses the connection, or after `signal` has aborted it.
 */
export function productsStartingPosition(token: string, signal: AbortSignal): Promise<Position | null> {
  const { promise, resolve } = Promise.withResolvers<Position | null>();
  const connection = connectProducts({
    token,
    // It needs no events, and `sockets.ts` recognises it by its filter.
    productIds: [],
    onSnapshot: (snapshot) => resolve(earlier(snapshot)),
    onStatus: ({ state }) => state === "closed" && resolve(null),
  });
  // Closing sets the status, which resolves the promise.
  signal.addEventListener("abort", () => connection.close());
  return promise.finally(() => connection.close());
}

/**
 * Loads a starting position once per key. Aborts when the key changes.
 * @param key Identifies the channel and the user; null loads nothing.
 * @returns Null while loading. `position` is null if loading failed.
 */
export function useStartingPosition(
  key: string | null,
  load: (signal: AbortSignal) => Promise<Position | null>,
): { position: Position | null } | null {
  const [loaded, setLoaded] = useState<{ key: string; position: Position | null } | null>(null);
  const isLoaded = loaded !== null && loaded.key === key;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key identifies what `load` returns
  useEffect(() => {
    if (key === null || isLoaded) return;
    const aborter = new AbortController();
    load(aborter.signal)
      .catch(() => null)
      .then((position) => aborter.signal.aborted || setLoaded({ key, position }));
    return () => aborter.abort();
  }, [key, isLoaded]);
  return isLoaded ? loaded : null;
}
