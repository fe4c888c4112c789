import { useEffect, useState } from "react";
import { connectProducts, type Position } from "../../../sdk/index.ts";

/**
 * Where to begin. A page that only wants to know how things stand connects without a position. This one shows what
 * happened before, too, so it begins at a position of the past: the SDK then gets everything since.
 */

/** Fewer than the service remembers (`HISTORY_LIMIT`), so that all of them can be had. */
const EARLIER_EVENTS = 900;

const before = ({ epoch, seq }: Position): Position => ({ epoch, seq: Math.max(0, seq - EARLIER_EVENTS) });

/** The order's, from its snapshot. Null when there is none to be had; the connection then says why. */
export async function orderBeginning(orderId: string | null, token: string | null): Promise<Position | null> {
  const headers = { Authorization: `Bearer ${token}` };
  const response = await fetch(`/api/v1/orders/${encodeURIComponent(String(orderId))}`, { headers });
  if (!response.ok) return null;
  const { epoch, seq }: Partial<Record<keyof Position, unknown>> = await response.json();
  return typeof epoch === "string" && typeof seq === "number" ? before({ epoch, seq }) : null;
}

/** The products', from a first frame: a shop's page would load its products, and begin there. */
export function productsBeginning(token: string | null): Promise<Position | null> {
  const { promise, resolve } = Promise.withResolvers<Position | null>();
  const connection = connectProducts({
    token: token ?? "",
    onSnapshot: (snapshot) => resolve(before(snapshot)),
    onStatus: ({ state }) => state === "closed" && resolve(null),
  });
  return promise.finally(() => connection.close());
}

/**
 * @param key Whose beginning it is; nobody's without one.
 * @returns Null until it is known.
 */
export function useBeginning(
  key: string | null,
  load: () => Promise<Position | null>,
): { position: Position | null } | null {
  const [found, setFound] = useState<{ key: string; position: Position | null } | null>(null);
  const isFound = found !== null && found.key === key;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key says what is loaded
  useEffect(() => {
    if (key === null || isFound) return;
    let isCurrent = true;
    load()
      .catch(() => null)
      .then((position) => isCurrent && setFound({ key, position }));
    return () => {
      isCurrent = false;
    };
  }, [key, isFound]);
  return isFound ? found : null;
}
