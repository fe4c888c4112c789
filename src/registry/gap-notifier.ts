import pMap from "p-map";
import * as z from "zod";
import { MAX_CONCURRENT_CALLS } from "../protocol/platform-limits.ts";

/** Stored key. */
const GAP_AT = "gap_at";
const storedGapAt = z.number();

/** Notifies channels of a gap in the stream. */
export class GapNotifier {
  readonly #kv: SyncKvStorage;
  readonly #notifyChannel: (channel: string, gapAt: number) => Promise<void>;
  /**
   * The gap last announced, and the channels not notified yet. In memory only: channels ignore a gap they know of, so a
   * repeat after an eviction may notify all of them again.
   */
  #current: { gapAt: number; pending: Set<string> } | null = null;

  constructor(kv: SyncKvStorage, notifyChannel: (channel: string, gapAt: number) => Promise<void>) {
    this.#kv = kv;
    this.#notifyChannel = notifyChannel;
  }

  /** When the last gap was found, in milliseconds since 1970; 0 when there was none. */
  get lastGapAt(): number {
    return storedGapAt.safeParse(this.#kv.get(GAP_AT)).data ?? 0;
  }

  /**
   * Notifies the given channels; any other learns of the gap from the answer to its next report. A repeat for the same gap ignores
   * `channels` and retries those that failed.
   * @throws when a channel could not be notified.
   */
  async notify(gapAt: number, channels: string[]): Promise<void> {
    if (this.#current?.gapAt !== gapAt) {
      this.#kv.put(GAP_AT, gapAt);
      this.#current = { gapAt, pending: new Set(channels) };
    }
    const { pending } = this.#current;
    await pMap(
      [...pending],
      async (channel) => {
        await this.#notifyChannel(channel, gapAt);
        pending.delete(channel);
      },
      { concurrency: MAX_CONCURRENT_CALLS, stopOnError: false },
    );
  }
}
