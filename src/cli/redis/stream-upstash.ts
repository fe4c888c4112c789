import { Redis } from "@upstash/redis";
import { CommandError } from "../outcome.ts";
import type { RedisTarget } from "../settings.ts";
import { type AddedEntry, type NewEntry, refused, unreachableRedis } from "./stream-entry.ts";

/** Upstash's library, for the command line: the one place in it where that enters. */

const TIMEOUT_MS = 10_000;

export async function addThroughUpstash(
  { url, token }: Extract<RedisTarget, { kind: "upstash" }>,
  entry: NewEntry,
): Promise<AddedEntry> {
  const redis = new Redis({
    url: url.value,
    token: token.value,
    automaticDeserialization: false,
    enableTelemetry: false,
    // `retry: false` would still try twice.
    retry: { retries: 0 },
    // A signal that is no function would make the library return "Aborted" as a result.
    signal: () => AbortSignal.timeout(TIMEOUT_MS),
  });
  try {
    const [added, rung] = await redis
      .pipeline()
      .xadd(entry.stream, "*", entry.fields)
      .publish(entry.doorbell, "1")
      .exec<[string, number]>({ keepErrors: true });
    if (added.error !== undefined || added.result === undefined) throw refused(added.error ?? "no entry id came back");
    return { id: added.result, heardBy: rung.result ?? null };
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw failureOf(error, url.value, `${url.source} and ${token.source}`, entry);
  }
}

/** The library's messages hold the whole command, or the page that came instead of an answer; both are left out. */
function failureOf(error: unknown, url: string, settings: string, entry: NewEntry): CommandError {
  const { name, message, cause } = error instanceof Error ? error : new Error(String(error));
  const said = message.split(", command was:")[0] ?? "";
  if (name === "UpstashError" && /unauthorized|WRONGPASS|NOPERM/i.test(said)) {
    return refused(`${said}. Check ${settings}.`);
  }
  if (name === "UpstashError" && /^[A-Z]{3,}\b/.test(said)) return refused(said);
  const reasons: Record<string, string> = {
    UpstashError: said,
    UpstashJSONParseError: "what answers there is no Upstash Redis",
    TimeoutError: `no answer within ${TIMEOUT_MS / 1000} s`,
  };
  const reason = reasons[name] ?? (cause instanceof Error ? cause.message : message);
  return unreachableRedis(url, reason, `Check ${settings}`, entry);
}
