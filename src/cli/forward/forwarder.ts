import { setTimeout as delay } from "node:timers/promises";
import type { OutgoingEvent } from "../../protocol/publish-call.ts";
import type { BatchQueue } from "../../sdk/publisher/batch-queue.ts";
import { PublishError } from "../../sdk/publisher/publish-error.ts";
import { CommandError, EXIT } from "../shared/command-error.ts";
import { type Mapping, readMessage } from "./message.ts";
import type { ForwardReport } from "./report.ts";

/** The total size of waiting messages. Further ones are dropped. */
export const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** An estimate of the memory a waiting message takes besides its text. */
const OVERHEAD_BYTES = 1024;
export const memoryOf = (message: Uint8Array) => message.length + OVERHEAD_BYTES;

/** Publishes messages in order of arrival. They wait while the service does not answer. */
export class Forwarder {
  readonly #mapping: Mapping;
  readonly #queue: Pick<BatchQueue, "add" | "sendNow">;
  readonly #report: ForwardReport;
  readonly #fail: (error: CommandError) => void;
  readonly #waiting = new Set<Promise<void>>();
  #waitingBytes = 0;

  /** @param fail Called when later messages cannot be published either. */
  constructor(
    mapping: Mapping,
    queue: Pick<BatchQueue, "add" | "sendNow">,
    report: ForwardReport,
    fail: (error: CommandError) => void,
  ) {
    this.#mapping = mapping;
    this.#queue = queue;
    this.#report = report;
    this.#fail = fail;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  receive(channel: string, message: Uint8Array): void {
    this.#report.count("received");
    const read = readMessage(this.#mapping, channel, message);
    const bytes = memoryOf(message);
    if (!read.ok) this.#report.unpublished("skipped", channel, read.reason);
    else if (this.#waitingBytes + bytes > MAX_WAITING_BYTES) this.#report.dropped();
    else this.#queueEvent(channel, read.event, bytes);
  }

  #queueEvent(channel: string, event: OutgoingEvent, bytes: number): void {
    this.#waitingBytes += bytes;
    const published = this.#publish(channel, event).finally(() => {
      this.#waitingBytes -= bytes;
      this.#waiting.delete(published);
    });
    this.#waiting.add(published);
  }

  /** Waits until every received message is published, skipped or failed, at most for this time. */
  async drain(timeoutMs: number): Promise<void> {
    this.#queue.sendNow();
    await Promise.race([Promise.all(this.#waiting), delay(timeoutMs, undefined, { ref: false })]);
  }

  async #publish(channel: string, event: OutgoingEvent): Promise<void> {
    try {
      const result = await this.#queue.add(event);
      if (result.status !== "rejected") return this.#report.count("published");
      const { status, title, detail = title, errors = [] } = result.error;
      // The service checks the scope for each event of a batch.
      if (status === 403) throw new PublishError(detail, { status });
      const reasons = errors.map(({ field, message }) => `${field} ${message}`);
      this.#report.unpublished("skipped", channel, reasons.length > 0 ? reasons.join("; ") : detail);
    } catch (error) {
      if (!(error instanceof PublishError)) throw error;
      this.#report.unpublished("failed", channel, error.message);
      // An invalid key, or one without a scope that the messages need: later ones would fail as well.
      if (error.status === 401 || error.status === 403) this.#fail(new CommandError(EXIT.failed, error.message));
    }
  }
}
