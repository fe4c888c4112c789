import { DEAD_LETTERS } from "../../protocol/stream.ts";
import { type RedisClient, RedisError } from "./client.ts";
import type { DeadLetter } from "./dead-letter.ts";
import type { RelayStore } from "./relay-store.ts";

/** The approximate length of the dead-letter stream. */
const MAX_DEAD_LETTERS = 100_000;

/** Writes the store's dead letters to the dead-letter stream. @throws {RedisError} */
export async function writeDeadLetters(client: RedisClient, store: RelayStore): Promise<void> {
  for (const { row, ...letter } of store.pendingDeadLetters(100)) {
    await writeOne(client, letter);
    store.removeDeadLetters([row]);
  }
}

/** Uses the entry's own id, so that a letter whose reply was lost is not written twice. */
async function writeOne(client: RedisClient, { entry, reason }: DeadLetter): Promise<void> {
  const fields = ["reason", reason, "entry_id", entry.id, "entry", JSON.stringify(Object.fromEntries(entry.fields))];
  const add = (id: string) => client.command("XADD", DEAD_LETTERS, "MAXLEN", "~", MAX_DEAD_LETTERS, id, ...fields);
  // An event that its channel refused may have an id chosen by its publisher.
  if (!/^\d+-\d+$/.test(entry.id)) return void (await add("*"));
  try {
    await add(entry.id);
  } catch (error) {
    if (!(error instanceof RedisError) || error.kind !== "refused") throw error;
    // Stream ids must increase: either this letter is there already, or one with a larger id is.
    const existing = await client.command("XRANGE", DEAD_LETTERS, entry.id, entry.id);
    if (Array.isArray(existing) && existing.length > 0) return;
    await add("*");
  }
}
