import * as z from "zod";
import { chunksBy } from "../../protocol/chunks.ts";
import { parseJson } from "../../protocol/json.ts";
import { DEAD_LETTERS, DOORBELL } from "../../protocol/stream.ts";
import type { RedisCommand } from "../redis/connection.ts";
import { openSession, type RedisSession, refusedByRedis } from "../redis/session.ts";
import { CommandError, EXIT } from "../shared/command-error.ts";
import type { RedisTarget } from "../shared/settings.ts";
import { explainCode } from "./reason.ts";

/** Letters per read. A letter has little more than 512 KB at most, and a reply of Upstash 10 MB. */
const LETTERS_PER_READ = 16;
/** Characters in one request, far below what Upstash accepts in bytes. */
const MAX_RETRY_REQUEST_LENGTH = 512 * 1024;

/** A dead letter, as the relay wrote it. */
export interface DeadLetterEntry {
  /** Its id in the dead-letter stream. */
  id: string;
  /** A `DeadLetterCode`, or one of a newer version. */
  code: string;
  /** What exactly was wrong. */
  detail: string;
  /** The id of the stream entry, or of the event when the entry was read before. */
  entryId: string;
  /** The channel's name; empty without one. */
  channel: string;
  /** When it was added, in milliseconds since 1970. */
  at: number;
  /** The entry's fields. */
  fields: Record<string, string>;
  canRetry: boolean;
}

const letterRange = z.array(z.tuple([z.string(), z.array(z.string())]));
const letterFields = z.record(z.string(), z.string());

/** The dead letters in a Redis. Every method throws a `CommandError` when Redis is unreachable or refuses. */
export class DeadLetterStream {
  readonly #session: RedisSession;

  constructor(target: RedisTarget) {
    this.#session = openSession(target);
  }

  /** Yields the letters in pages, oldest first. @param ids Only these; all of them when empty. */
  async *pages(ids: string[]): AsyncGenerator<DeadLetterEntry[]> {
    if (ids.length > 0) {
      const found = await this.#run(ids.map((id) => ["XRANGE", DEAD_LETTERS, id, id]));
      const missing = ids.filter((_, i) => letterRange.parse(found[i]).length === 0);
      if (missing.length > 0) throw new CommandError(EXIT.failed, `No dead letter has the id ${missing.join(" or ")}.`);
      return yield found.flatMap((reply) => letterRange.parse(reply).map(parseLetter));
    }
    // Stops at the newest letter of now: retried events that fail again meanwhile are added after it.
    const [newest] = await this.#run([["XREVRANGE", DEAD_LETTERS, "+", "-", "COUNT", "1"]]);
    const last = letterRange.parse(newest)[0]?.[0];
    if (last === undefined) return;
    for (let from = "-"; ; ) {
      const [reply] = await this.#run([["XRANGE", DEAD_LETTERS, from, last, "COUNT", String(LETTERS_PER_READ)]]);
      const letters = letterRange.parse(reply).map(parseLetter);
      if (letters.length > 0) yield letters;
      if (letters.length < LETTERS_PER_READ) return;
      from = `(${letters.at(-1)?.id}`;
    }
  }

  /**
   * Adds the entries of dead letters to a stream again, then removes the letters. An interruption in between repeats
   * events; the service applies an id once.
   */
  async retry(letters: DeadLetterEntry[], stream: string): Promise<void> {
    const addition = (letter: DeadLetterEntry): RedisCommand => {
      return ["XADD", stream, "*", ...Object.entries(retried(letter)).flat()];
    };
    for (const chunk of chunksBy(letters, MAX_RETRY_REQUEST_LENGTH, (letter) => addition(letter).join().length)) {
      await this.#run(chunk.map(addition));
      await this.#run([["XDEL", DEAD_LETTERS, ...chunk.map(({ id }) => id)]]);
    }
    await this.#session.run([["PUBLISH", DOORBELL, "1"]]);
  }

  close(): void {
    this.#session.close();
  }

  async #run(commands: RedisCommand[]): Promise<unknown[]> {
    const replies = await this.#session.run(commands);
    const refused = replies.find((reply) => reply instanceof Error);
    if (refused) throw refusedByRedis(refused.message);
    return replies;
  }
}

/** An entry without an event id gets the one that it had: its own id in the stream. */
function retried({ fields, entryId }: DeadLetterEntry): Record<string, string> {
  return fields.id === undefined && entryId !== "" ? { ...fields, id: entryId } : fields;
}

function parseLetter([id, words]: [string, string[]]): DeadLetterEntry {
  const values = new Map(words.flatMap((word, i) => (i % 2 === 0 ? [[word, words[i + 1] ?? ""] as const] : [])));
  const fields = letterFields.safeParse(parseJson(values.get("entry") ?? "")).data;
  // Letters of the first version have no code.
  const code = values.get("code") ?? "not_an_event";
  return {
    id,
    code,
    detail: values.get("reason") ?? "",
    entryId: values.get("entry_id") ?? "",
    channel: fields?.channel ?? "",
    at: Number(id.split("-")[0]),
    fields: fields ?? {},
    canRetry: explainCode(code).canRetry && !values.has("cut") && fields !== undefined,
  };
}
