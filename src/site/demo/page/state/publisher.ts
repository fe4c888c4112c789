import type { ChannelKind } from "../../../../protocol/names.ts";
import { catalogue } from "../service/catalogue.ts";
import { type EventDraft, publishEvent, type ServiceResponse } from "../service/publish.ts";
import { useConnections } from "./connections.tsx";
import { useCredentials } from "./credentials.ts";
import { pageTime, roundTrips } from "./round-trips.ts";
import { Store } from "./store.ts";

/** A publish call of this page and its response. */
export interface MeasuredCall {
  draft: EventDraft;
  response: ServiceResponse;
  /** Milliseconds until the service responded. */
  tookMs: number;
}

/** The last call for each kind of channel. */
export const lastCalls = new Store<{ readonly [K in ChannelKind]?: MeasuredCall }>({});

const newId = () => `demo-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`;

/** Returns the function through which the whole page publishes: it adds an id and measures the call. */
export function usePublish(): (draft: EventDraft) => Promise<ServiceResponse> {
  const { order, key } = useCredentials();
  const { orderLog, productsLog } = useConnections();
  return async (draft) => {
    const { channel } = catalogue[draft.type];
    const sent = { ...draft, id: draft.id || newId() };
    roundTrips.publish(sent.id, channel);
    const start = pageTime();
    const response = await publishEvent(sent, order, key);
    const tookMs = pageTime() - start;
    const { status, seq } = response.body;
    if (status === "applied" && typeof seq === "number") {
      roundTrips.acknowledge(sent.id, channel, seq);
      (channel === "order" ? orderLog : productsLog).expectUpTo(seq);
    } else {
      roundTrips.forget(sent.id, channel);
    }
    lastCalls.set({ ...lastCalls.get(), [channel]: { draft, response, tookMs } });
    return response;
  };
}
