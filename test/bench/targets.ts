import { randomUUID } from "node:crypto";
import { encodeEventFrame } from "../../src/protocol/frames.ts";
import { PUBLISH_KEY } from "../support/test-env.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, startWorkerd, type Workerd } from "../support/workerd.ts";
import { call, type HttpCall } from "./load-client.ts";

/** What is measured: the bare object and the service, behind one face. */

export interface Target {
  worker: Workerd;
  /** A channel of its own that `listeners` clients may listen to, each with its own credentials. */
  openChannel(listeners: number): Promise<BenchChannel>;
}

export interface BenchChannel {
  /** The path for each listener's socket. */
  socketPaths: string[];
  /** What publishes the event that is to have this `seq`. Both targets send frames of the same bytes for it. */
  publish(seq: number): HttpCall;
}

const EVENT_TYPE = "order_status_changed";
const PUBLISH_TIME = Date.parse("2026-11-22T10:15:30.123Z");

function eventOf(orderId: string, seq: number) {
  const timestamp = "2026-11-22T10:15:30.123456";
  const data = { old_status: "pending", new_status: "processing", timestamp, order_id: orderId };
  return { type: EVENT_TYPE, id: `bench-${String(seq).padStart(8, "0")}`, data };
}

/** @param stores Whether it stores each frame in a row before it sends it, as whoever promises durability must. */
export async function startBareTarget(stores: boolean): Promise<Target> {
  const worker = await startWorkerd({
    entry: "test/bench/bare.ts",
    durableObjects: { BareChannel: "BARE_CHANNEL" },
    bindings: { STORES: stores ? "yes" : "no" },
  });
  return {
    worker,
    async openChannel(listeners) {
      const id = randomUUID();
      const path = `/${id}`;
      return {
        socketPaths: new Array<string>(listeners).fill(path),
        publish(seq) {
          const event = eventOf(id, seq);
          const body = encodeEventFrame({ ...event, data: JSON.stringify(event.data), seq, ts: PUBLISH_TIME });
          return { method: "POST", path, body };
        },
      };
    },
  };
}

/** Order channels, because they check and store the most: the owner, the snapshot, the log. */
export async function startTidingsTarget(): Promise<Target> {
  const worker = await startTidings({ RATE_LIMITS: "off" });
  const headers = { Authorization: `Bearer ${PUBLISH_KEY}`, "Content-Type": "application/json" };
  return {
    worker,
    async openChannel(listeners) {
      const id = randomUUID();
      const order = { user_id: "bench", status: "pending", payment_status: "pending" };
      await call(worker.url, { method: "PUT", path: `/api/v1/orders/${id}`, headers, body: JSON.stringify(order) });
      // Each listener has a token that the service has not seen before, as different users have.
      const tokens = Array.from({ length: listeners }, (_, jti) =>
        mintToken({ subject: "bench", expiresIn: 3600, claims: { jti: `${id}-${jti}` } }),
      );
      return {
        socketPaths: (await Promise.all(tokens)).map((token) => `/api/v1/ws/orders/${id}?token=${token}`),
        publish(seq) {
          const body = JSON.stringify(eventOf(id, seq));
          return { method: "POST", path: `/api/v1/publish/orders/${id}`, headers, body };
        },
      };
    },
  };
}
