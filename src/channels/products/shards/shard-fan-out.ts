import type { Env } from "../../../config/env.ts";
import { MAX_CONCURRENT_CALLS } from "../../../protocol/platform-limits.ts";
import { parseShardName, type Region, type ShardName } from "../../../protocol/shards.ts";
import { missedSince } from "../../connect.ts";
import type { Core, FanOut } from "../../core.ts";
import { shardStub } from "../../directory.ts";
import type { LoggedFrame } from "../../log/log-event.ts";
import {
  type JoinAnswer,
  type JoinRequest,
  type ReportAnswer,
  type ReportRequest,
  SHARD_PROTOCOL_VERSION,
} from "./contract.ts";
import type { Push } from "./next-push.ts";
import { nextPlan, type Placement, type ShardPlan } from "./plan.ts";
import { Pusher } from "./pusher.ts";
import { Registrations } from "./registrations.ts";
import { RootHistory } from "./root-history.ts";
import { ShardLink } from "./shard-link.ts";
import { Slots } from "./slots.ts";
import { withinTimeLimit } from "./time-limit.ts";

/** Pushes at the same time: whether calls to objects count among an invocation's connections is not documented. */
const MAX_REPEATED_PUSHES = 2;
const PUSH_SLOTS = { first: MAX_CONCURRENT_CALLS - MAX_REPEATED_PUSHES, repeated: MAX_REPEATED_PUSHES };
/** When pending events are looked for after a crash: with the alarm's own delay, well within two minutes. */
const CRASH_COVER_MS = 60_000;
/** When a shard without listeners is asked whether it is still without. It has forgotten its interest by then. */
const EMPTY_CHECK_MS = 60_000;
/** When the plan is reconsidered while there are few listeners. */
const RECONSIDER_MS = 10 * 60_000;

interface Peer {
  link: ShardLink;
  pusher: Pusher;
}

/** The root's side of the shards: which there are, what each needs, and the pushes to them. Costs nothing without any. */
export class ShardFanOut implements FanOut {
  readonly #env: Env;
  readonly #core: Core;
  readonly #history: RootHistory;
  readonly #slots = new Slots(PUSH_SLOTS);
  /** One wake of this object. */
  readonly #life = crypto.randomUUID();
  readonly #registrations: Registrations;
  readonly #peers = new Map<ShardName, Peer>();

  constructor(env: Env, core: Core) {
    this.#env = env;
    this.#core = core;
    this.#history = new RootHistory(core.log);
    this.#registrations = new Registrations(core.storage);
    const { names, epoch } = this.#registrations;
    if (names.size === 0) return;
    const position = core.log.position();
    this.#history.start(position.seq);
    for (const name of names) this.#connect(name, new ShardLink(position, false));
    const now = Date.now();
    // Waking repairs a damaged log in a new epoch, and a raised `STORAGE_GENERATION` is one as well.
    if (epoch !== position.epoch) core.alarm.ensure(now, now, 0);
  }

  /** The names of the registered shards. */
  get names(): ShardName[] {
    return [...this.#peers.keys()];
  }

  /**
   * Returns the plan when a client arrives.
   * @param client Where it is; null for a change of the numbers of listeners.
   */
  planFor(client: Placement | null, now: number): ShardPlan {
    const { planState, before } = this.#reconsider(client, now);
    if (planState.fewSince !== null) this.#core.alarm.ensure(planState.fewSince + RECONSIDER_MS, now);
    if (planState.plan === before) return before;
    // Those outside the plan learn of it at once.
    for (const { link, pusher } of this.#peers.values()) {
      link.requestProbe();
      pusher.start();
    }
    return planState.plan;
  }

  published(frames: readonly LoggedFrame[], now: number): number[] | null {
    if (this.#peers.size === 0) return null;
    this.#history.append(frames);
    this.#core.alarm.ensure(now + CRASH_COVER_MS, now);
    for (const { pusher } of this.#peers.values()) pusher.start();
    return frames.map(({ productId }) => this.#countOf(productId));
  }

  epochStarted(former: string, now: number): void {
    this.#history.epochEnded(former);
    if (this.#peers.size === 0) return;
    this.#core.alarm.ensure(now + CRASH_COVER_MS, now);
    for (const { pusher } of this.#peers.values()) pusher.start();
  }

  async maintain(now: number): Promise<number> {
    const peers = () => [...this.#peers.values()];
    const isPending = () => peers().some(({ pusher }) => pusher.isPending);
    for (const { link } of peers()) if (link.isWithoutListeners) link.requestProbe();
    // The answers bring the numbers of listeners, which the plan needs.
    if (isPending()) await this.#pushPending();
    this.planFor(null, now);
    if (isPending()) return now + CRASH_COVER_MS;
    if (this.#peers.size > 0) this.#registrations.setEpoch(this.#history.epoch);
    if (peers().some(({ link }) => link.isWithoutListeners)) return now + EMPTY_CHECK_MS;
    const { fewSince } = this.#registrations.planState;
    return fewSince === null ? Number.POSITIVE_INFINITY : Math.max(fewSince + RECONSIDER_MS, now + CRASH_COVER_MS);
  }

  /** Registers a shard if it is new, adds to its interest, and reads the head and what a client missed, in this turn. */
  join(request: JoinRequest, now: number): JoinAnswer {
    const { shard: name, interest, resume } = request;
    const { products } = interest;
    const plan = this.planFor({ region: placeOf(name).region, fullOf: null }, now);
    if (!isInPlan(name, plan)) return { status: "outside_plan", plan };
    const { log } = this.#core;
    log.epochs.store(now);
    const missed = resume && resume !== "invalid" ? missedSince(this.#core, resume, products, now) : null;
    const { link } = this.#peers.get(name) ?? this.#register(name);
    if (!link.join(request)) return { status: "fenced" };
    link.enterEpoch({ epoch: this.#history.epoch, seq: this.#history.epochStart });
    const isWanted = ({ productId }: LoggedFrame) =>
      products === null || productId === null || products.includes(productId);
    const frames = missed?.filter(isWanted) ?? null;
    const position = log.position();
    return {
      status: "joined",
      stamp: this.#stamp(position.epoch),
      ...position,
      frames,
      plan,
    };
  }

  /** Notes a shard's number of listeners. */
  report({ shard: name, incarnation, count }: ReportRequest, now: number): ReportAnswer {
    const peer = this.#peers.get(name);
    if (!peer && count > 0) return { status: "unregistered" };
    const isCurrent = peer?.link.report(incarnation, count) ?? true;
    if (peer?.link.isWithoutListeners) this.#core.alarm.ensure(now + EMPTY_CHECK_MS, now);
    if (!isCurrent) return { status: "fenced" };
    return { status: "noted", plan: this.planFor(null, now) };
  }

  /** Pushes what is pending, and asks the shards whose position is not known. Waits for the answers, but not for long. */
  async #pushPending(): Promise<void> {
    const pending = [...this.#peers.values()].filter(({ pusher }) => pusher.isPending);
    for (const { link, pusher } of pending) {
      if (!link.isAckedKnown) link.requestProbe();
      pusher.start();
    }
    const settled = Promise.all(pending.map(({ pusher }) => pusher.settle()));
    await withinTimeLimit(settled).catch(() => {
      // What is still pending is retried in memory, and by the next alarm.
    });
  }

  #register(name: ShardName): Peer {
    const position = this.#core.log.position();
    if (this.#peers.size === 0) this.#history.start(position.seq);
    this.#registrations.add(name, position.epoch);
    return this.#connect(name, new ShardLink(position, true));
  }

  #connect(name: ShardName, link: ShardLink): Peer {
    const { region, index } = placeOf(name);
    const pusher = new Pusher({
      name,
      link,
      history: this.#history,
      slots: this.#slots,
      // A stub that has thrown stays broken, so each call uses a new one.
      call: (push, interestVersion) => shardStub(this.#env, region, index).take(this.#request(push, interestVersion)),
      waitUntil: (promise) => this.#core.ctx.waitUntil(promise),
      onAnswer: (sent) => {
        const now = Date.now();
        if (sent > 0) this.#core.telemetry.sent(sent);
        if (link.isWithoutListeners) this.#core.alarm.ensure(now + EMPTY_CHECK_MS, now);
        this.planFor(null, now);
      },
      onEmpty: () => this.#remove(name),
    });
    const peer = { link, pusher };
    this.#peers.set(name, peer);
    return peer;
  }

  #remove(name: ShardName): void {
    this.#peers.get(name)?.pusher.stop();
    this.#peers.delete(name);
    this.#registrations.remove(name);
  }

  #request(push: Push, interestVersion: number | null) {
    const { plan } = this.#registrations.planState;
    return { version: SHARD_PROTOCOL_VERSION, stamp: this.#stamp(push.epoch), ...push, plan, interestVersion } as const;
  }

  #stamp(epoch: string) {
    return { life: this.#life, epochs: this.#history.numberOf(epoch) };
  }

  #reconsider(client: Placement | null, now: number) {
    const registrations = this.#registrations;
    const { plan: before } = registrations.planState;
    const shards: Partial<Record<Region, number>> = {};
    for (const [name, { link }] of this.#peers) {
      // A shard that has not told its number since the root woke counts as it was planned.
      const { region } = placeOf(name);
      shards[region] = (shards[region] ?? 0) + (link.count ?? 0);
    }
    const isComplete = [...this.#peers.values()].every(({ link }) => link.count !== null);
    const audience = { root: this.#core.listeners.count, shards, isComplete };
    registrations.setPlan(nextPlan(registrations.planState, this.#core.config.productsShards, audience, client, now));
    return { planState: registrations.planState, before };
  }

  /** Returns how many listeners of shards an event is for, as far as known. */
  #countOf(product: string | null): number {
    let count = 0;
    for (const { link } of this.#peers.values()) if (link.wants(product)) count += link.count ?? 0;
    return count;
  }
}

function placeOf(name: ShardName): { region: Region; index: number } {
  const place = parseShardName(name);
  if (!place) throw new Error("not the name of a shard");
  return place;
}

function isInPlan(name: ShardName, { shards }: ShardPlan): boolean {
  const { region, index } = placeOf(name);
  return index < (shards[region] ?? 0);
}
