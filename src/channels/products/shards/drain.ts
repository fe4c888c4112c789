import type { Listener } from "../../listeners/listener.ts";
import type { Listeners } from "../../listeners/listeners.ts";

/** How many sockets are closed at once, and how often, so that their clients do not all reconnect together. */
const WAVE = 500;
const WAVE_INTERVAL_MS = 1000;

/** The `from` of a listener that receives no more events, because it has missed some. */
const NOTHING_MORE = Number.MAX_SAFE_INTEGER;

/** Returns whether a listener is only waiting to be closed. */
export const isAbandoned = ({ from }: Listener): boolean => from === NOTHING_MORE;

/** Closes a shard's sockets with 4200, in waves: those that have missed events, or all of a shard outside the plan. */
export class Drain {
  readonly #ctx: DurableObjectState;
  readonly #listeners: Listeners;
  readonly #closesAll: () => boolean;
  #lastWaveAt = Number.NEGATIVE_INFINITY;
  #isRunning = false;

  /** @param closesAll Asked before each wave: whether every socket is to be closed. */
  constructor(ctx: DurableObjectState, listeners: Listeners, closesAll: () => boolean) {
    this.#ctx = ctx;
    this.#listeners = listeners;
    this.#closesAll = closesAll;
  }

  /** Closes all sockets, because events may be missing. */
  abandonAll(): void {
    this.abandon(this.#listeners.all().map(({ socket }) => socket));
  }

  /** Closes sockets that have missed events. Until then, they receive no more events. */
  abandon(sockets: Iterable<WebSocket>): void {
    for (const socket of sockets) this.#listeners.update(socket, { from: NOTHING_MORE });
    this.start();
  }

  /** Starts to close sockets, unless that is under way already. */
  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const run = this.#run().finally(() => {
      this.#isRunning = false;
    });
    this.#ctx.waitUntil(run);
  }

  async #run(): Promise<void> {
    while (this.#next().length > 0) {
      const wait = Math.min(this.#lastWaveAt + WAVE_INTERVAL_MS - Date.now(), WAVE_INTERVAL_MS);
      if (wait > 0) await scheduler.wait(wait);
      this.#lastWaveAt = Date.now();
      for (const socket of this.#next()) this.#listeners.close(socket, "going_away");
    }
  }

  /** Returns the sockets of the next wave. */
  #next(): WebSocket[] {
    const closesAll = this.#closesAll();
    return this.#listeners
      .all()
      .filter(({ listener }) => closesAll || isAbandoned(listener))
      .map(({ socket }) => socket)
      .take(WAVE)
      .toArray();
  }
}
