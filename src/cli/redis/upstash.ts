import { Redis } from "@upstash/redis";
import { CommandError } from "../shared/command-error.ts";
import type { RedisTarget } from "../shared/settings.ts";
import { type AddedEntry, type NewEntry, refused, unreachableRedis } from "./entry.ts";

/** The only place in the command line that uses Upstash's library. */

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
    // Given an AbortSignal itself instead of a function, the library would return "Aborted" as a result.
    signal: () => AbortSignal.timeout(TIMEOUT_MS),
  });
  try {
    const [added, doorbell] = await redis
      .pipeline()
      .xadd(entry.stream, "*", entry.fields)
      .publish(entry.doorbell, "1")
      .exec<[string, number]>({ keepErrors: true });
    if (added.error !== undefined || added.result === undefined) {
      throw refused(added.error ?? "it returned no entry id");
    }
    return { id: added.result, heardBy: doorbell.result ?? null };
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw upstashFailure(error, url.value, `${url.source} and ${token.source}`, entry);
  }
}

/** Maps the library's errors. Their messages may contain the whole command, or an HTML page in place of an answer. */
function upstashFailure(error: unknown, url: string, settings: string, entry: NewEntry): CommandError {
  const { name, message, cause } = error instanceof Error ? error : new Error(String(error));
  const reply = message.split(", command was:")[0] ?? "";
  if (name === "UpstashError" && /unauthorized|WRONGPASS|NOPERM/i.test(reply)) {
    return refused(`${reply}. Check ${settings}.`);
  }
  if (name === "UpstashError" && /^[A-Z]{3,}\b/.test(reply)) return refused(reply);
  const reasons: Record<string, string> = {
    UpstashError: reply,
    UpstashJSONParseError: "the answer is not Upstash's",
    TimeoutError: `no answer within ${TIMEOUT_MS / 1000} s`,
  };
  const reason = reasons[name] ?? (cause instanceof Error ? cause.message : message);
  return unreachableRedis(url, reason, `Check ${settings}`, entry);
}
