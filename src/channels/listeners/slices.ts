/**
 * Characters handed to the runtime in one turn. Then the object waits for a timer, so that other calls run and the runtime
 * writes to the network: after anything faster, such as a message or a storage call, the runtime reads no request. A timer
 * takes 1.1 ms; with turns of 1 MB, that was half of a burst's time.
 */
export const MAX_SLICE_CHARACTERS = 4 * 1024 * 1024;
/** Messages per turn. Each takes 23 µs and 0.2 µs more per KB, so this bounds a turn to about 25 ms. */
export const MAX_SLICE_MESSAGES = 1100;

/** What may wait for later turns, because events may arrive faster than they can be sent. The last broadcast may exceed it. */
export const MAX_QUEUED_CHARACTERS = 16 * 1024 * 1024;
/** The memory of a waiting target, in characters. */
const TARGET_CHARACTERS = 32;

/** Does the work for one target. Returns what it handed to the runtime, in characters. */
type Work<Target> = (target: Target, now: number) => number;

interface Job<Target> {
  work: Work<Target>;
  /** The targets that are still to come. */
  targets: Set<Target>;
  characters: number;
  done: PromiseWithResolvers<void>;
}

/**
 * Spreads large broadcasts over several turns. Each target's work is done in the order of the calls. A timer keeps the
 * object awake while work is waiting, and only then.
 */
export class Slices<Target> {
  readonly #queue: Job<Target>[] = [];

  /** Whether so much is waiting that callers should add no more. */
  get isFull(): boolean {
    const sizes = this.#queue.map(({ targets, characters }) => characters + targets.size * TARGET_CHARACTERS);
    return sizes.reduce((sum, size) => sum + size, 0) > MAX_QUEUED_CHARACTERS;
  }

  /**
   * Does work for each target once: in this turn as far as it fits, unless earlier work is still waiting.
   * @param now Milliseconds since 1970; later turns have their own.
   * @param characters What the work keeps in memory while it waits.
   * @returns null when everything is done, otherwise a promise for it.
   */
  run(targets: Iterable<Target>, work: Work<Target>, now: number, characters = 0): Promise<void> | null {
    let room = this.#queue.length === 0 ? MAX_SLICE_CHARACTERS : 0;
    let later: Set<Target> | null = null;
    for (const target of targets) {
      if (room > 0) room -= work(target, now);
      else later = (later ?? new Set()).add(target);
    }
    if (!later) return null;
    const job = { work, targets: later, characters, done: Promise.withResolvers<void>() };
    // The first job starts the loop, which ends with the last one.
    if (this.#queue.push(job) === 1) void this.#runQueue();
    return job.done.promise;
  }

  /** Does a target's waiting work at once, so that what follows stays in order. */
  catchUp(target: Target, now: number): void {
    for (const { targets, work } of this.#queue) if (targets.delete(target)) work(target, now);
  }

  async #runQueue(): Promise<void> {
    while (this.#queue.length > 0) {
      await scheduler.wait(0);
      this.#runSlice(Date.now());
    }
  }

  #runSlice(now: number): void {
    let room = MAX_SLICE_CHARACTERS;
    for (let job = this.#queue[0]; job && room > 0; job = this.#queue[0]) {
      try {
        for (const target of job.targets) {
          if (room <= 0) return;
          job.targets.delete(target);
          room -= job.work(target, now);
        }
        job.done.resolve();
      } catch (error) {
        job.done.reject(error);
      }
      this.#queue.shift();
    }
  }
}
