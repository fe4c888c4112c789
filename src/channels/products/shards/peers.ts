import type { Env } from "../../../config/env.ts";
import type { Position } from "../../../protocol/frames.ts";
import { MAX_CONCURRENT_CALLS } from "../../../protocol/platform-limits.ts";
import { placeOf, type Region, type ShardName } from "../../../protocol/shards.ts";
import { withinTimeLimit } from "../../../runtime/time-limit.ts";
import type { Core } from "../../core.ts";
import { shardStub } from "../../directory.ts";
import { SHARD_PROTOCOL_VERSION, type Stamp } from "./contract.ts";
import { Pusher } from "./pusher.ts";
import type { Registrations } from "./registrations.ts";
import type { RootHistory } from "./root-history.ts";
import { ShardLink } from "./shard-link.ts";
import { Slots } from "./slots.ts";

/** How many of the concurrent pushes may be retries. */
const MAX_REPEATED_PUSHES = 2;
/** How many pushes are concurrent. Calls to objects may count among an invocation's connections; the platform does not say. */
const PUSH_SLOTS = { first: MAX_CONCURRENT_CALLS - MAX_REPEATED_PUSHES, repeated: MAX_REPEATED_PUSHES };

interface PeersOptions {
  env: Env;
  core: Core;
  history: RootHistory;
  registrations: Registrations;
  /** Called after a shard has answered a push: its number of listeners may have changed. */
  onAnswer: (link: ShardLink) => void;
}

/** The registered shards, as the root sees them: what it knows of each, and the pushes to it. */
export class Peers {
  readonly #options: PeersOptions;
  readonly #pushers = new Map<ShardName, Pusher>();
  readonly #slots = new Slots(PUSH_SLOTS);
  /** One wake of this object. */
  readonly #life = crypto.randomUUID();

  /** Finds the shards that were registered before the object woke. */
  constructor(options: PeersOptions) {
    this.#options = options;
    const { history, registrations } = options;
    if (registrations.names.size === 0) return;
    const { epoch, head: seq } = history;
    history.start(seq);
    for (const name of registrations.names) this.#connect(name, new ShardLink({ epoch, seq }, false));
  }

  get names(): ShardName[] {
    return [...this.#pushers.keys()];
  }

  get size(): number {
    return this.#pushers.size;
  }

  /** Whether a shard lacks an event that is for it, or may lack one. */
  get isPending(): boolean {
    return this.#pushers.values().some(({ isPending }) => isPending);
  }

  /** Whether a shard may be without listeners, and must be asked. */
  get isAnyWithoutListeners(): boolean {
    return this.#pushers.values().some(({ link }) => link.isWithoutListeners);
  }

  linkOf(name: ShardName): ShardLink | undefined {
    return this.#pushers.get(name)?.link;
  }

  /** Registers a new shard, which needs the events after `position`. */
  register(name: ShardName, position: Position): ShardLink {
    const { history, registrations } = this.#options;
    if (this.#pushers.size === 0) history.start(position.seq);
    registrations.add(name, position.epoch);
    return this.#connect(name, new ShardLink(position, true));
  }

  /** Pushes what there is to push, soon. */
  push(): void {
    for (const pusher of this.#pushers.values()) pusher.start();
  }

  /** Pushes to every shard, even if there is no event for it. */
  pushToAll(): void {
    for (const { link } of this.#pushers.values()) link.requestProbe();
    this.push();
  }

  /**
   * Pushes what is pending, and asks the shards whose position is unknown or that may be without listeners. Waits for the
   * answers, up to the time limit of a call.
   */
  async settle(): Promise<void> {
    for (const { link } of this.#pushers.values())
      if (!link.isAckedKnown || link.isWithoutListeners) link.requestProbe();
    this.push();
    await withinTimeLimit(Promise.all(this.#pushers.values().map((pusher) => pusher.settle()))).catch(() => {
      // What is still pending is retried in memory, and by the next alarm.
    });
  }

  /** Returns how many listeners of shards an event is for, as far as known. */
  receiversOf(product: string | null): number {
    return this.#pushers
      .values()
      .filter(({ link }) => link.wants(product))
      .reduce((sum, { link }) => sum + (link.count ?? 0), 0);
  }

  /** Returns each region's number of listeners, and whether every shard has reported its own since the root woke. */
  audience(): { shards: Partial<Record<Region, number>>; isComplete: boolean } {
    const shards: Partial<Record<Region, number>> = {};
    for (const [name, { link }] of this.#pushers) {
      const { region } = placeOf(name);
      shards[region] = (shards[region] ?? 0) + (link.count ?? 0);
    }
    return { shards, isComplete: this.#pushers.values().every(({ link }) => link.count !== null) };
  }

  /** Says which epoch a message is about. */
  stampOf(epoch: string): Stamp {
    return { life: this.#life, epochs: this.#options.history.numberOf(epoch) };
  }

  #connect(name: ShardName, link: ShardLink): ShardLink {
    const { env, core, history, registrations, onAnswer } = this.#options;
    const pusher = new Pusher({
      name,
      link,
      history,
      slots: this.#slots,
      // A stub that has thrown stays broken, so each call uses a new one.
      call: (push, interestVersion) => {
        const { plan } = registrations.planState;
        const stamp = this.stampOf(push.epoch);
        return shardStub(env, name).take({ version: SHARD_PROTOCOL_VERSION, stamp, ...push, plan, interestVersion });
      },
      waitUntil: (promise) => core.ctx.waitUntil(promise),
      onAnswer: (sent) => {
        if (sent > 0) core.telemetry.sent(sent);
        onAnswer(link);
      },
      onEmpty: () => this.#remove(name),
    });
    this.#pushers.set(name, pusher);
    return link;
  }

  #remove(name: ShardName): void {
    this.#pushers.get(name)?.stop();
    this.#pushers.delete(name);
    this.#options.registrations.remove(name);
  }
}
