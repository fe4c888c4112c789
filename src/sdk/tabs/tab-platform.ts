import type { PositionStorage } from "../connection/types.ts";

/** What a browser has for pages of one origin to talk and to agree. Each of these may be missing. */

export interface Locks {
  request(
    name: string,
    options: { signal?: AbortSignal; ifAvailable?: boolean; steal?: boolean },
    body: (lock: unknown) => unknown,
  ): Promise<unknown>;
}

/** A `BroadcastChannel`. */
export interface Channel<M> {
  postMessage(message: M): void;
  close(): void;
  onmessage: ((event: { data: M }) => void) | null;
}

// The types of Workers, Node and browsers disagree about what is global.
export const platform = () =>
  globalThis as unknown as {
    navigator?: { locks?: Locks };
    BroadcastChannel?: new <M>(name: string) => Channel<M>;
    localStorage?: PositionStorage;
  };
