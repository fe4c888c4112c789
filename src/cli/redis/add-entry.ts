import type { OutgoingEvent } from "../../protocol/publish-call.ts";
import { DOORBELL, entryFields } from "../../protocol/stream.ts";
import { CommandError, EXIT } from "../shared/command-error.ts";
import type { RedisTarget } from "../shared/settings.ts";
import { openSession, refusedByRedis } from "./session.ts";

/**
 * Adds an event to a stream and rings the doorbell. Does not retry: when the outcome is unknown, the error names the
 * event's id, and publishing again with that id is safe.
 * @returns The entry's id in the stream, and how many subscribers heard the doorbell (null if that message failed).
 * @throws {CommandError} when Redis refuses the entry or cannot be reached.
 */
export async function addEntry(
  target: RedisTarget,
  stream: string,
  event: OutgoingEvent,
): Promise<{ id: string; heardBy: number | null }> {
  const session = openSession(target);
  try {
    const [id, heardBy] = await session.run([
      ["XADD", stream, "*", ...entryFields(event).flat()],
      ["PUBLISH", DOORBELL, "1"],
    ]);
    if (id instanceof Error) throw refusedByRedis(id.message);
    return { id: String(id), heardBy: typeof heardBy === "number" ? heardBy : null };
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode !== EXIT.unreachable) throw error;
    const remedy = `The event may have been written; \`--id ${event.id}\` makes it safe to publish it again.`;
    throw new CommandError(EXIT.unreachable, `${error.message} ${remedy}`, { id: event.id });
  } finally {
    session.close();
  }
}
