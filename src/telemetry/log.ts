import { Counters } from "./counters.ts";

/**
 * Structured log lines, one JSON object each. What goes in is chosen field by field: no token, no key, no payload, and
 * no user's name. A request is known by its `request_id`, which every answer has in `X-Request-Id`.
 */

/** A listener's socket closed. */
export interface ConnectionEnd {
  /** Of the request that opened it; empty when an older version did not write it down. */
  request_id: string;
  channel: string;
  code: number;
  /** How long it was open; null when that is not known. */
  seconds: number | null;
}

/** Events came in: one line a call, or a piece of the stream. */
export interface Publish {
  /** Empty for what came through Redis. */
  request_id: string;
  via: "http" | "redis";
  /** The publish key's name. */
  key: string;
  /** The channel; `null` when they went to several. */
  channel: string | null;
  events: number;
  /** How many had which outcome. */
  outcomes: Record<string, number>;
  ms: number;
}

/** Somebody was told no. */
export interface Refused {
  request_id: string;
  method: string;
  /** The route's pattern, without ids. */
  route: string;
  reason: string;
  /** The HTTP status, or the code that the socket was closed with. */
  code: number;
  /** The publish key's name, when it came with one that is known. */
  key?: string;
  /** Why a credential was refused, in more detail than the client receives. */
  reason_detail?: string;
}

/** Faults of this isolate that nobody has told the registry of yet: the next report of anybody here takes them along. */
export const faults = new Counters();

/** How many events had which outcome. */
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

/**
 * A fault: something that should not happen and that somebody may have to look at.
 * @param where The operation that failed.
 * @param fields What identifies the case, such as the channel.
 */
export function logFault(where: string, error: unknown, fields: Record<string, string | number> = {}): void {
  faults.count("tidings_errors_total", { where });
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  print("error", "fault", { where, error: `${name}: ${message}`, ...fields });
}

function print(level: "info" | "warn" | "error", event: string, fields: object): void {
  console[level](JSON.stringify({ level, event, ...fields }));
}
