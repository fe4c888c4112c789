import { channelStub } from "../channels/directory.ts";
import type { Env } from "../config/env.ts";
import { fullJitter } from "../protocol/backoff.ts";
import type { AcceptedEvent, PublishOutcome, Source } from "../protocol/publish.ts";
import { callFailureOf } from "../runtime/platform-errors.ts";
import { withinTimeLimit } from "../runtime/time-limit.ts";
import { logFault } from "../telemetry/log.ts";

const MAX_ATTEMPTS = 3;
const BASE_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 1000;

export type Delivery =
  | { isDelivered: true; outcomes: PublishOutcome[] }
  /** `thrown`: the channel's own code failed, so the platform works. `unreachable`: any other failure. */
  | { isDelivered: false; failure: "thrown" | "unreachable" };

/**
 * Delivers events to their channel, in order. Retries failures that the platform marks as retryable; callers may retry the
 * others. Either is safe, even after a timeout, when the call may still be executed: every event has an id, and a channel
 * applies an id once.
 * @param requestId The request that published them, for the log.
 * @returns One outcome per event, in the order of the events; or why there is none.
 */
export async function deliverToChannel(
  env: Env,
  channel: string,
  events: AcceptedEvent[],
  source: Source,
  requestId?: string,
): Promise<Delivery> {
  for (let failures = 0; ; ) {
    try {
      // A stub that has thrown stays broken, so each attempt uses a new one.
      const stub = channelStub(env, channel);
      if (!stub) throw new Error("not a channel name");
      return { isDelivered: true, outcomes: JSON.parse(await withinTimeLimit(stub.deliver(events, source))) };
    } catch (error) {
      failures++;
      const failure = callFailureOf(error);
      if (failures === MAX_ATTEMPTS || failure !== "retryable") {
        logFault("deliver", error, { channel, request_id: requestId });
        return { isDelivered: false, failure: failure === "thrown" ? "thrown" : "unreachable" };
      }
      await scheduler.wait(fullJitter(failures - 1, BASE_BACKOFF_MS, MAX_BACKOFF_MS));
    }
  }
}
