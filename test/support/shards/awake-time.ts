import { DurableObject } from "cloudflare:workers";
import { AsyncLocalStorage } from "node:async_hooks";
import { expect, vi } from "vitest";
import { ProductsChannel } from "../../../src/channels/products/products-channel.ts";
import { ProductsShard } from "../../../src/channels/products/shards/products-shard.ts";
import { eventually } from "../eventually.ts";
import { realWait } from "../pauses.ts";

/**
 * Counts, inside workerd, what keeps the root and its shards from hibernating, which is the time that is billed
 * (Durable Objects, "Lifecycle" and "Pricing"): calls, alarms and messages of sockets until they are answered, promises
 * given to `waitUntil` until they settle, and timers until they fire or are cleared. Calls of other objects are awaited by
 * one of those. The ten seconds before an object hibernates are not billed and not counted.
 */

/** What keeps one object awake, and for how long. */
export class AwakeTime {
  /** How often each method was called. */
  readonly calls: Record<string, number> = {};
  /** How many promises were given to `waitUntil`. */
  background = 0;
  timers = 0;
  #pending = 0;
  #since = 0;
  #total = 0;

  get isAtRest(): boolean {
    return this.#pending === 0;
  }

  /** So far. What overlaps counts once. */
  get milliseconds(): number {
    return this.#total + (this.isAtRest ? 0 : performance.now() - this.#since);
  }

  /** Something keeps the object awake. Returns what ends it. */
  begin(): () => void {
    if (this.#pending++ === 0) this.#since = performance.now();
    let hasEnded = false;
    return () => {
      if (hasEnded) return;
      hasEnded = true;
      if (--this.#pending === 0) this.#total += performance.now() - this.#since;
    };
  }
}

type AwakeObject = ProductsChannel | ProductsShard;
/** Any method that the runtime or another object calls. */
type Method = (this: AwakeObject, ...args: unknown[]) => unknown;

/** The object whose code is running. */
const running = new AsyncLocalStorage<AwakeTime>();

/** Counts for every object, until `vi.restoreAllMocks()`. */
export class AwakeTimes {
  readonly #times = new Map<string, AwakeTime>();
  readonly #watched = new WeakSet<DurableObjectState>();
  #wait = scheduler.wait.bind(scheduler);

  constructor() {
    this.#watchMethods(ProductsChannel.prototype);
    this.#watchMethods(ProductsShard.prototype);
    this.#watchPauses();
    watchTimeouts();
  }

  of(name: string): AwakeTime {
    const time = this.#times.get(name) ?? new AwakeTime();
    this.#times.set(name, time);
    return time;
  }

  /** Waits until every object is at rest. From then on, everything is counted, and pauses have their real length. */
  async start(): Promise<void> {
    await this.settle();
    this.#times.clear();
    this.#wait = realWait;
  }

  /** Waits until every object is at rest, as it is before it hibernates. */
  async settle(): Promise<void> {
    await eventually(() => expect([...this.#times.values()].every(({ isAtRest }) => isAtRest)).toBe(true));
  }

  #watchMethods(prototype: AwakeObject): void {
    // Each method has a type of its own; here they are only passed through.
    const methods = prototype as unknown as Record<string, Method>;
    const times = this;
    for (const name of methodsOf(prototype)) {
      const method = methods[name] as Method;
      vi.spyOn(methods, name).mockImplementation(function (this: AwakeObject, ...args) {
        const { ctx, name: object } = this.core;
        times.#watchBackground(ctx, object);
        const time = times.of(object);
        time.calls[name] = (time.calls[name] ?? 0) + 1;
        return running.run(time, () => until(method.apply(this, args), time.begin()));
      });
    }
  }

  #watchBackground(ctx: DurableObjectState, object: string): void {
    if (this.#watched.has(ctx)) return;
    this.#watched.add(ctx);
    const waitUntil = ctx.waitUntil.bind(ctx);
    vi.spyOn(ctx, "waitUntil").mockImplementation((promise) => {
      const time = this.of(object);
      time.background++;
      waitUntil(promise);
      void until(promise, time.begin());
    });
  }

  #watchPauses(): void {
    vi.spyOn(scheduler, "wait").mockImplementation((...args) => {
      const pause = this.#wait(...args);
      const time = running.getStore();
      if (!time) return pause;
      time.timers++;
      void until(pause, time.begin());
      return pause;
    });
  }
}

function watchTimeouts(): void {
  const [set, clear] = [setTimeout, clearTimeout];
  const ends = new Map<unknown, () => void>();
  vi.spyOn(globalThis, "setTimeout").mockImplementation(((callback: () => void, milliseconds?: number) => {
    const time = running.getStore();
    if (!time) return set(callback, milliseconds);
    time.timers++;
    const end = time.begin();
    const timer = set(() => {
      end();
      callback();
    }, milliseconds);
    ends.set(timer, end);
    return timer;
  }) as typeof setTimeout);
  vi.spyOn(globalThis, "clearTimeout").mockImplementation((timer) => {
    ends.get(timer)?.();
    ends.delete(timer);
    clear(timer);
  });
}

/** Calls `end` when a result is there. Returns the result. */
function until(result: unknown, end: () => void): unknown {
  if (result instanceof Promise) result.then(end, end);
  else end();
  return result;
}

function methodsOf(prototype: AwakeObject): string[] {
  const names: string[] = [];
  for (let level: object = prototype; level !== DurableObject.prototype; level = Object.getPrototypeOf(level)) {
    names.push(...Object.getOwnPropertyNames(level));
  }
  return [...new Set(names)].filter((name) => name !== "constructor");
}
