import type { Output } from "../connection/link.ts";
import type { Hello, RelayedOutput, TabMessage } from "./messages.ts";
import type { ChannelReplica } from "./replica.ts";

/** Relays the outputs of the leader's socket to the other tabs, and answers a tab that asks for what it missed. */
export class Relay {
  /** The `lagMs` of the leader's socket (see `Connection`). */
  lagMs: number | null = null;
  readonly #replica: ChannelReplica;
  readonly #isVisible: () => boolean;
  readonly #post: (message: TabMessage) => void;
  #outbox: RelayedOutput[] = [];

  constructor(replica: ChannelReplica, isVisible: () => boolean, post: (message: TabMessage) => void) {
    this.#replica = replica;
    this.#isVisible = isVisible;
    this.#post = post;
  }

  /** Applies an output to this tab, and sends it on. Outputs that arrive together go out in one message. */
  add(output: Output): void {
    const after = this.#replica.position;
    this.#replica.apply(output);
    if (this.#outbox.push({ output, after }) > 1) return;
    queueMicrotask(() => {
      const outputs = this.#outbox;
      this.#outbox = [];
      if (outputs.length > 0) this.#send(outputs, this.lagMs);
    });
  }

  /** Drops what is not sent yet. */
  clear(): void {
    this.#outbox = [];
  }

  /** Sends a tab what it missed; before the first snapshot, only the status. */
  answer({ from, position }: Hello): void {
    const { status } = this.#replica;
    const catchUp = this.#replica.catchUpFor(position);
    if (catchUp) this.#post({ type: "catch_up", to: from, catchUp, isVisible: this.#isVisible() });
    else this.#send([{ output: { type: "status", status }, after: null }], null);
  }

  #send(outputs: RelayedOutput[], lagMs: number | null): void {
    this.#post({ type: "outputs", outputs, lagMs, isVisible: this.#isVisible() });
  }
}
