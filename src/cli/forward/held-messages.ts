import { memoryOf } from "./forwarder.ts";
import type { ForwardReport } from "./report.ts";

/** The total size of messages that wait for the lock, for example while Redis is slow. Further ones are dropped. */
export const MAX_HELD_BYTES = 16 * 1024 * 1024;

interface Message {
  channel: string;
  message: Uint8Array;
}

/** Messages that another instance may have received as well, until it is certain which one has the lock. */
export class HeldMessages {
  readonly #report: ForwardReport;
  #messages: Message[] = [];
  #bytes = 0;

  constructor(report: ForwardReport) {
    this.#report = report;
  }

  add(channel: string, message: Uint8Array): void {
    const bytes = memoryOf(message);
    if (this.#bytes + bytes > MAX_HELD_BYTES) {
      this.#report.dropped("lock");
      return;
    }
    this.#bytes += bytes;
    this.#messages.push({ channel, message });
    this.#report.held = this.#messages.length;
  }

  /** Removes and returns all of them, in order of arrival. */
  take(): Message[] {
    const messages = this.#messages;
    this.#messages = [];
    this.#bytes = 0;
    this.#report.held = 0;
    return messages;
  }
}
