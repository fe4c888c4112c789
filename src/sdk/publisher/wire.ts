import { isRecord } from "../../protocol/json.ts";
import type { OutgoingEvent } from "../../protocol/publish-call.ts";
import type { Problem } from "../../protocol/refusals.ts";
import type { PublishAnswer } from "./events.ts";

/** Requests and answers of the service's publish calls. */

/** Encodes an event. @param withChannel True in a batch; a single event's channel is in the path. */
export function eventJson({ channel, type, data, id, version, order }: OutgoingEvent, withChannel: boolean): string {
  const rest = { id, ...(version !== null && { version }), ...(order !== null && { order }) };
  const head = JSON.stringify({ ...(withChannel && { channel }), type });
  return `${head.slice(0, -1)},"data":${data},${JSON.stringify(rest).slice(1)}`;
}

export function isAnswer(value: unknown): value is PublishAnswer {
  if (!isRecord(value)) return false;
  const { id, channel, status } = value;
  return typeof id === "string" && typeof channel === "string" && typeof status === "string" && status !== "rejected";
}

/** Whether this is an error in the service's own form (RFC 9457). */
export function isProblem(value: unknown): value is Problem {
  if (!isRecord(value)) return false;
  const { type, title, status, errors = [] } = value;
  const areTexts = typeof type === "string" && typeof title === "string";
  return areTexts && typeof status === "number" && Array.isArray(errors) && errors.every(isRecord);
}
