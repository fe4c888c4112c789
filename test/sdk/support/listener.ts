import { onTestFinished } from "vitest";
import {
  type Connection,
  connectOrder,
  connectProducts,
  type Gap,
  type OrderEvent,
  type OrderOptions,
  type OrderSnapshot,
  type ProductEvent,
  type ProductsConnection,
  type ProductsOptions,
  type ProductsSnapshot,
  type Status,
} from "../../../src/sdk/index.ts";
import { eventually } from "../../support/eventually.ts";
import { callService } from "../../support/node-client.ts";
import { mintToken } from "../../support/tokens.ts";

/** Records everything that a connection reports. */
export class Recorder<E, S> {
  readonly events: E[] = [];
  readonly snapshots: S[] = [];
  readonly gaps: Gap[] = [];
  readonly statuses: Status[] = [];

  /** Pass these to the connection. */
  readonly options = {
    onEvent: (event: E) => void this.events.push(event),
    onSnapshot: (snapshot: S) => void this.snapshots.push(snapshot),
    onGap: (gap: Gap) => void this.gaps.push(gap),
    onStatus: (status: Status) => void this.statuses.push(status),
  };

  /** The states in order. A status may also change its cause only. */
  get states(): string[] {
    const states = this.statuses.map(({ state }) => state);
    return states.filter((state, i) => state !== states[i - 1]);
  }

  get status(): Status | undefined {
    return this.statuses.at(-1);
  }

  /** Waits until the connection is in a state. */
  async reaches<T extends Status["state"]>(state: T): Promise<Extract<Status, { state: T }>> {
    const is = (status: Status | undefined): status is Extract<Status, { state: T }> => status?.state === state;
    return eventually(() => {
      if (!is(this.status)) throw new Error(`the status is ${JSON.stringify(this.status)}, not ${state}`);
      return this.status;
    });
  }
}

/** Connects to an order as its owner, until the test is over. */
export function listenToOrder(url: string, orderId: string, options: Partial<OrderOptions> = {}) {
  const received = new Recorder<OrderEvent, OrderSnapshot>();
  const connection: Connection = connectOrder(orderId, { url, getToken: mintToken, ...received.options, ...options });
  onTestFinished(() => connection.close());
  return { connection, received };
}

/** Connects to the products channel, until the test is over. */
export function listenToProducts(url: string, options: Partial<ProductsOptions> = {}) {
  const received = new Recorder<ProductEvent, ProductsSnapshot>();
  const connection: ProductsConnection = connectProducts({ url, getToken: mintToken, ...received.options, ...options });
  onTestFinished(() => connection.close());
  return { connection, received };
}

/** Publishes an event and waits for the answer. @returns The event's `seq`. */
export async function publishAt(url: string, path: string, type: string, data: object): Promise<number> {
  const response = await callService(url, "POST", `publish/${path}`, { type, data });
  if (response.status !== 200) throw new Error(`not published: ${response.status}`);
  return ((await response.json()) as { seq: number }).seq;
}

/** Thousands of clients that reconnect may hold up a publish on a small, busy machine. */
const STORM_PATIENCE_MS = 120_000;

/** Publishes an event once, although a connection that the client keeps open may have ended with the service. */
export async function publishAfterRestart(url: string, path: string, type: string, data: object): Promise<void> {
  const id = crypto.randomUUID();
  await eventually(async () => {
    const { ok } = await callService(url, "POST", `publish/${path}`, { type, data, id });
    if (!ok) throw new Error("not published");
  }, STORM_PATIENCE_MS);
}

/** Replaces `sessionStorage` in one test. */
export function memoryStorage() {
  const kept = new Map<string, string>();
  return { kept, getItem: (key: string) => kept.get(key) ?? null, setItem: kept.set.bind(kept) };
}

export const seqsOf = (events: { seq: number }[]) => events.map(({ seq }) => seq);
/** 1, 2, 3 … to `last`. */
export const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
