import { chunksBy } from "../../protocol/chunks.ts";
import { DEAD_LETTERS } from "../../protocol/stream.ts";
import { logFault } from "../../telemetry/log.ts";
import { type Command, type CommandReply, type RedisClient, RedisError } from "./client.ts";
import type { DeadLetter } from "./dead-letter.ts";
import { entryTime } from "./entry.ts";
import type { RelayStore } from "./relay-store.ts";

/** The approximate length of the dead-letter stream. */
const MAX_DEAD_LETTERS = 100_000;
/** Dead letters written in one pass; the rest follows in the next, so that the stream is read meanwhile. */
const MAX_PER_PASS = 5000;
/** Characters in one request, far below what Upstash accepts in bytes. */
const MAX_REQUEST_LENGTH = 512 * 1024;
/** How far Redis' clock may be ahead of the relay's. */
const MAX_CLOCK_SKEW_MS = 60_000;

/** Writes the store's dead letters to the dead-letter stream, many in each request. */
export class DeadLetterWriter {
  readonly #client: RedisClient;
  readonly #store: RelayStore;
  #isStuck = false;

  constructor(client: RedisClient, store: RelayStore) {
    this.#client = client;
    this.#store = store;
  }

  /** Whether Redis refused the letters last time, as when their stream's key is in use for something else. */
  get isStuck(): boolean {
    return this.#isStuck;
  }

  /**
   * Writes the letters of one pass. A refusal does not stop the events, so it is logged once.
   * @returns `more` when some are left for the next pass.
   * @throws {RedisError} while Redis is unavailable.
   */
  async write(): Promise<"done" | "more" | "stuck"> {
    try {
      const hasMore = await this.#writeSome();
      this.#isStuck = false;
      return hasMore ? "more" : "done";
    } catch (error) {
      if (error instanceof RedisError && error.kind === "unavailable") throw error;
      if (!this.#isStuck) logFault("dead_letters", error);
      this.#isStuck = true;
      return "stuck";
    }
  }

  /** Returns whether more are left. */
  async #writeSome(): Promise<boolean> {
    for (let written = 0; written < MAX_PER_PASS; ) {
      const letters = this.#store.deadLetters.oldest(MAX_PER_PASS - written);
      if (letters.length === 0) return false;
      for (const chunk of chunksBy(letters, MAX_REQUEST_LENGTH, lengthOf)) {
        await write(this.#client, chunk);
        this.#store.removeDeadLetters(chunk.map(({ row }) => row));
      }
      written += letters.length;
    }
    return true;
  }
}

const lengthOf = (letter: DeadLetter) => fieldsOf(letter).join().length;

/**
 * Writes letters under their entries' own ids if these are recent, so that they are not written twice when the reply was
 * lost. Ids must increase in a stream, so one that is refused is there already, or gets an id from Redis.
 */
async function write(client: RedisClient, letters: DeadLetter[]): Promise<void> {
  const refused = await addAll(client, letters, ({ entry }) => (isRecent(entry.id) ? entry.id : "*"));
  if (refused.length === 0) return;
  const found = await client.pipeline(refused.map(({ entry }) => ["XRANGE", DEAD_LETTERS, entry.id, entry.id]));
  const missing = refused.filter((letter, i) => !isWritten(letter, found[i]));
  const [failed] = await addAll(client, missing, () => "*");
  if (failed) throw failed.error;
}

/**
 * Whether an id is one that Redis gave to an entry lately. A publisher may have chosen it for its event; one from the
 * future would raise the ids of all later letters.
 */
function isRecent(id: string): boolean {
  return /^\d+-\d+$/.test(id) && entryTime(id, Date.now() + MAX_CLOCK_SKEW_MS) === Number.parseInt(id, 10);
}

/** Adds letters and returns those that Redis refused. */
async function addAll<T extends DeadLetter>(client: RedisClient, letters: T[], idOf: (letter: T) => string) {
  if (letters.length === 0) return [];
  const replies = await client.pipeline(
    letters.map((letter): Command => {
      return ["XADD", DEAD_LETTERS, "MAXLEN", "~", MAX_DEAD_LETTERS, idOf(letter), ...fieldsOf(letter)];
    }),
  );
  return letters.flatMap((letter, i) => {
    const reply = replies[i];
    return reply && !reply.ok ? [{ ...letter, error: reply.error }] : [];
  });
}

/** Whether the stream has this very letter. Another one may have its id, after the stream of events was set back. */
function isWritten(letter: DeadLetter, reply: CommandReply | undefined): boolean {
  const fields = reply?.ok && Array.isArray(reply.result) ? reply.result[0]?.[1] : null;
  return JSON.stringify(fields) === JSON.stringify(fieldsOf(letter));
}

function fieldsOf({ entry, code, reason, isCut }: DeadLetter): string[] {
  const fields = ["reason", reason, "code", code, "entry_id", entry.id];
  if (isCut) fields.push("cut", "1");
  return [...fields, "entry", JSON.stringify(Object.fromEntries(entry.fields))];
}
