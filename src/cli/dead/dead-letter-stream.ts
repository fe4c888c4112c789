import * as z from "zod";
import { chunksBy } from "../../protocol/chunks.ts";
import { DEAD_LETTER_REASONS, isDeadLetterCode } from "../../protocol/dead-letters.ts";
import { parseJson } from "../../protocol/json.ts";
import { DEAD_LETTERS, DOORBELL } from "../../protocol/stream.ts";
import type { RedisCommand } from "../redis/connection.ts";
import { openSession, type RedisSession, refusedByRedis } from "../redis/session.ts";
import { CommandError, EXIT } from "../shared/command-error.ts";
import type { RedisTarget } from "../shared/settings.ts";

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
  /** The stream entry's id; for an event that had already been read into the outbox, the event's id. */
  entryId: string;
  /** The channel's name; empty without one. */
  channel: string;
  /** When it was added. Null when its id is beyond any date: earlier versions took over ids that publishers had chosen. */
  at: Date | null;
  /** The entry's fields. */
  fields: Record<string, string>;
  canRetry: boolean;
  /** What the code means, and what to do about it. */
  advice: string;
}

/** Stands in for a code that a newer relay wrote, and that is unknown here. */
const OF_ANOTHER_VERSION = {
  meaning: "This version of the command line does not know the reason.",
  remedy: "Use the command line of the deployed version.",
  canRetry: false,
};

const letterRange = z.array(z.tuple([z.string(), z.array(z.string())]));
const letterFields = z.record(z.string(), z.string());

/** The dead letters in a Redis. Methods throw a `CommandError` when Redis is unreachable or refuses. */
export class DeadLetterStream {
  readonly #session: RedisSession;

  constructor(target: RedisTarget) {
    this.#session = openSession(target);
  }

  /** Yields the letters in pages, oldest first. @param ids Only these, in this order; all of them when empty. */
  async *pages(ids: string[]): AsyncGenerator<DeadLetterEntry[]> {
    if (ids.length > 0) return yield* this.#pagesOf([...new Set(ids)]);
    // Stops at the letter that is newest when the pass begins: retried events that fail again are added after it.
    const [newest] = await this.#run([["XREVRANGE", DEAD_LETTERS, "+", "-", "COUNT", "1"]]);
    const last = letterRange.parse(newest)[0]?.[0];
    if (last === undefined) return;
    for (let from = "-"; ; ) {
      const [reply] = await this.#run([["XRANGE", DEAD_LETTERS, from, last, "COUNT", String(LETTERS_PER_READ)]]);
      const letters = letterRange.parse(reply).map(parseLetter);
      if (letters.length > 0) yield letters;
      const id = letters.at(-1)?.id;
      // Redis refuses to look beyond the highest possible id.
      if (letters.length < LETTERS_PER_READ || id === last) return;
      from = `(${id}`;
    }
  }

  /** Yields these letters in pages. Looks for all of them first, so that a mistyped id changes nothing. */
  async *#pagesOf(ids: string[]): AsyncGenerator<DeadLetterEntry[]> {
    const runs = Array.from({ length: Math.ceil(ids.length / LETTERS_PER_READ) }, (_, i) =>
      ids.slice(i * LETTERS_PER_READ, (i + 1) * LETTERS_PER_READ),
    );
    const missing: string[] = [];
    for (const run of runs) {
      const replies = await this.#readEach(run);
      missing.push(...run.filter((_, i) => replies[i]?.length === 0));
    }
    if (missing.length > 0) throw new CommandError(EXIT.failed, `No dead letter has the id ${missing.join(" or ")}.`);
    // Reads them a second time: kept, they could take half a megabyte each.
    for (const run of runs) yield (await this.#readEach(run)).flat();
  }

  /** Reads one letter for each id: a list without one where there is none. */
  async #readEach(ids: string[]): Promise<DeadLetterEntry[][]> {
    const replies = await this.#run(ids.map((id) => ["XRANGE", DEAD_LETTERS, id, id]));
    return replies.map((reply) => letterRange.parse(reply).map(parseLetter));
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
  }

  /**
   * Asks the service to read the stream now. Returns false when that message failed; the service then reads the stream a
   * little later.
   */
  async ringDoorbell(): Promise<boolean> {
    try {
      const [reply] = await this.#session.run([["PUBLISH", DOORBELL, "1"]]);
      return !(reply instanceof Error);
    } catch (error) {
      if (error instanceof CommandError) return false;
      throw error;
    }
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
  const { meaning, remedy, canRetry } = isDeadLetterCode(code) ? DEAD_LETTER_REASONS[code] : OF_ANOTHER_VERSION;
  const at = new Date(Number(id.split("-")[0]));
  return {
    id,
    code,
    detail: values.get("reason") ?? "",
    entryId: values.get("entry_id") ?? "",
    channel: fields?.channel ?? "",
    at: Number.isNaN(at.getTime()) ? null : at,
    fields: fields ?? {},
    canRetry: canRetry && !values.has("cut") && fields !== undefined,
    advice: `${meaning} ${remedy}`,
  };
}
