import { entryLength } from "../../protocol/stream.ts";
import type { StreamEntry } from "./entry.ts";
import type { StreamDescription } from "./replies.ts";
import type { StreamCommands } from "./stream-commands.ts";

/** Entries per read: few at first, because each may be megabytes, and more while they turn out to be small. */
const MIN_BATCH = 10;
const MAX_BATCH = 1000;
const BATCH_GROWTH = 4;
/** After a longer reply, a tenth of Upstash's limit, the next read asks for few entries again. */
const LARGE_REPLY_CHARACTERS = 1024 * 1024;

export interface StreamBatch {
  /** The entry at the cursor, if the stream still has it, and the next ones. */
  entries: StreamEntry[];
  /** The ids of the entries that contain bytes that are not UTF-8. */
  notUtf8: Set<string>;
  /** How many entries after the cursor were asked for. */
  limit: number;
  /** The stream at the same moment, if that was asked for. */
  description?: StreamDescription;
}

/** Reads the stream in batches whose size follows that of the entries. */
export class StreamBatches {
  readonly #commands: StreamCommands;
  #limit = MIN_BATCH;

  constructor(commands: StreamCommands) {
    this.#commands = commands;
  }

  /**
   * @param isDescribed Whether to describe the stream, too.
   * @throws {RedisError}
   */
  async read(cursor: string, isDescribed = false): Promise<StreamBatch> {
    const { entries, ...described } = await this.#range(cursor, isDescribed);
    const limit = this.#limit;
    const notUtf8 = await this.#commands.notUtf8(entries);
    const size = entries.reduce((sum, { fields }) => sum + entryLength(fields), 0);
    this.#limit =
      size > LARGE_REPLY_CHARACTERS ? Math.min(limit, MIN_BATCH) : Math.min(limit * BATCH_GROWTH, MAX_BATCH);
    return { entries, notUtf8, limit, ...described };
  }

  /** Reads again, with a single entry, after a failure: the reply may be too large for Upstash, a proxy or the time limit. */
  async #range(cursor: string, isDescribed: boolean): Promise<Pick<StreamBatch, "entries" | "description">> {
    const range = async () => {
      const count = this.#limit + 1;
      if (isDescribed) return this.#commands.rangeAndDescription(cursor, count);
      return { entries: await this.#commands.range(cursor, count) };
    };
    try {
      return await range();
    } catch (error) {
      if (this.#limit === 1) throw error;
      this.#limit = 1;
      return range();
    }
  }
}
