import type { ServiceResponse } from "../service/publish.ts";
import type { RoundTrip } from "./round-trips.ts";
import { goOffline, goOnline } from "./sockets.ts";
import { Store } from "./store.ts";

/** The reliability drill: the connection breaks, events happen, the connection resumes. */

export const EVENTS_PER_DRILL = 5;
/** After the break: long enough to see that the connection is down. */
const BEFORE_EVENTS_MS = 900;
const EVENT_INTERVAL_MS = 750;
/** Before the resume: long enough to see that no event has arrived. */
const AFTER_EVENTS_MS = 900;

export interface Drill {
  stage: "ready" | "broken" | "resumed";
  /** Ids and positions of the events that happened while the connection was broken. */
  events: readonly { id: string; seq: number }[];
  /** Whether the service refused an event, which ends the drill. */
  isRefused: boolean;
}

const READY: Drill = { stage: "ready", events: [], isRefused: false };

export const drill = new Store<Drill>(READY);

/** Returns what is known of an event of the drill. The round trip of one that arrived long ago is no longer kept. */
export function slotKind(event: Drill["events"][number] | undefined, trip: RoundTrip | undefined) {
  if (event === undefined) return "empty";
  return trip && trip.receivedAt === null ? "waiting" : "arrived";
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Runs the drill. The page publishes over HTTP, so the broken socket does not stop its events.
 * @param publishOne Publishes the nth event, from 0.
 */
export async function runDrill(publishOne: (n: number) => Promise<ServiceResponse>): Promise<void> {
  if (drill.get().stage === "broken") return;
  drill.set({ ...READY, stage: "broken" });
  goOffline();
  try {
    await wait(BEFORE_EVENTS_MS);
    for (let n = 0; n < EVENTS_PER_DRILL; n++) {
      const response = await publishOne(n);
      const { id, seq } = response.body;
      const { events } = drill.get();
      if (typeof seq !== "number") {
        drill.set({ ...drill.get(), isRefused: true });
        break;
      }
      drill.set({ ...drill.get(), events: [...events, { id: String(id), seq }] });
      await wait(EVENT_INTERVAL_MS);
    }
    await wait(AFTER_EVENTS_MS);
  } finally {
    goOnline();
    drill.set({ ...drill.get(), stage: "resumed" });
  }
}
