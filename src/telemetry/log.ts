import type { Source } from "../protocol/publish.ts";
import { Counters } from "./counters.ts";
import type { FaultPlace } from "./labels.ts";
import { recordFault } from "./record.ts";

/**
 * Structured log lines, one JSON object each. This file decides on every field: no token, key, payload or user name is
 * logged. Faults must have messages that quote nothing of a request. `request_id` is the response's `X-Request-Id`.
 */

/** A listener's socket closed. */
interface ConnectionEnd {
  /** The request that opened the socket; empty when an older version did not store it. */
  request_id: string;
  channel: string;
  code: number;
  /** How long the socket was open; null when that is not known. */
  seconds: number | null;
}

/** Events were published: one line per call, or per delivery from the stream to a channel. */
export interface Publish {
  /** Empty for events from Redis. */
  request_id: string;
  via: Source["via"];
  /** The publish key's name. */
  key: string;
  /** `null` when the call named several channels. */
  channel: string | null;
  events: number;
  /** Number of events by outcome. */
  outcomes: Record<string, number>;
  ms: number;
}

/** A request or socket was refused. */
export interface Refused {
  request_id: string;
  /** `message` for a token in an open socket. */
  method: string;
  /** The route's pattern, without ids, or the message's type. */
  route: string;
  reason: string;
  /** The HTTP status, or the WebSocket close code. */
  code: number;
  /** The publish key's name, when the request carried a known key. */
  key?: string;
  /** What was wrong with a credential, in more detail than the client receives. */
  reason_detail?: string;
  /** The token's claim that is missing or wrong. */
  claim?: string;
}

/** No token in this isolate has had anything at `ROLE_CLAIM`. Not a fault of one request, so it has no `request_id`. */
interface RolesMissing {
  /** The setting's value. */
  claim: string;
}

/** A key set has members that the service cannot use; it uses the others. One line for each fetch. */
interface KeysSkipped {
  request_id: string;
  where: "jwks";
  /** Each member's place in the set, its `kid`, and why it was skipped. */
  reason: string;
}

/** Faults of this isolate that wait for its next report, whichever object sends it. */
export const unreportedFaults = new Counters();

/** Counts outcomes for a `Publish` line. */
export function outcomesOf(outcomes: Iterable<string>): Publish["outcomes"] {
  const counted: Publish["outcomes"] = {};
  for (const outcome of outcomes) counted[outcome] = (counted[outcome] ?? 0) + 1;
  return counted;
}

export function logConnectionEnd(line: ConnectionEnd): void {
  print("info", "connection_end", line);
}

export function logPublish(line: Publish): void {
  print("info", "publish", line);
}

export function logRefusal(line: Refused): void {
  print("warn", "refusal", line);
}

export function logRolesMissing(line: RolesMissing): void {
  print("info", "roles_missing", line);
}

export function logKeysSkipped(line: KeysSkipped): void {
  print("warn", "keys_skipped", line);
}

/** Which channel and request a fault concerns, and how many events. */
interface FaultFields {
  channel?: string;
  request_id?: string | undefined;
  events?: number;
  lost?: number;
}

/**
 * Logs and counts a fault: something unexpected that an operator may have to investigate.
 * @param where The operation that failed.
 * @param fields A fault in a request has its `request_id`, which the response carries in `X-Request-Id`. Undefined fields
 * are left out.
 */
export function logFault(where: FaultPlace, error: unknown, fields: FaultFields = {}): void {
  recordFault(unreportedFaults, where);
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  print("error", "fault", { where, error: `${name}: ${message}`, ...fields });
}

function print(level: "info" | "warn" | "error", event: string, fields: object): void {
  console[level](JSON.stringify({ level, event, ...fields }));
}
