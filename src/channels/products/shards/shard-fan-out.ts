import type { Env } from "../../../config/env.ts";
import { placeOf, type ShardName } from "../../../protocol/shards.ts";
import type { Core, FanOut } from "../../core.ts";
import { recoverMissed } from "../../gap.ts";
import type { LoggedFrame } from "../../log/log-event.ts";
import {
  EMPTY_CHECK_MS,
  type JoinAnswer,
  type JoinRequest,
  type ReportAnswer,
  type ReportRequest,
} from "./contract.ts";
import { Peers } from "./peers.ts";
import { COLLAPSE_AFTER_MS, nextPlan, type Placement, type ShardPlan } from "./plan.ts";
import { Registrations } from "./registrations.ts";
import { RootHistory } from "./root-history.ts";
import type { ShardLink } from "./shard-link.ts";

/** The delay of the alarm that pushes pending events after a crash. An alarm may fire up to `MIN_GAIN_MS` later. */
const CRASH_COVER_MS = 60_000;

/**
 * The root's side of the shards: when it pushes to them, what it answers them (`ProductsChannelRpc`), and the plan. Costs
 * nothing without any.
 */
export class ShardFanOut implements FanOut {
  readonly #core: Core;
  readonly #history: RootHistory;
  readonly #registrations: Registrations;
  readonly #peers: Peers;

  constructor(env: Env, core: Core) {
    this.#core = core;
    const history = new RootHistory(core.log);
    const registrations = new Registrations(core.storage);
    this.#history = history;
    this.#registrations = registrations;
    this.#peers = new Peers({ env, core, history, registrations, onAnswer: (link) => this.#noteAnswer(link) });
    const now = Date.now();
    // Waking repairs a damaged log in a new epoch, and a raised `STORAGE_GENERATION` is one as well.
    if (this.#peers.size > 0 && registrations.epoch !== history.epoch) core.alarm.ensure(now, now, 0);
  }

  /** The names of the registered shards. */
  get names(): ShardName[] {
    return this.#peers.names;
  }

  /**
   * Decides the plan and returns it. Stores a change, tells the shards of a new plan, and sets an alarm while there are few
   * listeners, to return to the root alone.
   * @param client The client that arrives; null for a change of the numbers of listeners.
   */
  planFor(client: Placement | null, now: number): ShardPlan {
    const { config, listeners, alarm } = this.#core;
    const { planState: before } = this.#registrations;
    const audience = { root: listeners.count, ...this.#peers.audience() };
    const { plan, fewSince } = nextPlan(before, config.productsShards, audience, client, now);
    this.#registrations.setPlan({ plan, fewSince });
    if (fewSince !== null) alarm.ensure(fewSince + COLLAPSE_AFTER_MS, now);
    // Shards that the plan no longer has learn of it at once.
    if (plan !== before.plan) this.#peers.pushToAll();
    return plan;
  }

  published(frames: readonly LoggedFrame[], now: number): number[] | null {
    if (this.#peers.size === 0) return null;
    this.#history.append(frames);
    this.#core.alarm.ensure(now + CRASH_COVER_MS, now);
    this.#peers.push();
    return frames.map(({ productId }) => this.#peers.receiversOf(productId));
  }

  epochStarted(former: string, now: number): void {
    this.#history.epochEnded(former);
    if (this.#peers.size === 0) return;
    this.#core.alarm.ensure(now + CRASH_COVER_MS, now);
    this.#peers.push();
  }

  async maintain(now: number): Promise<number> {
    // The answers bring the numbers of listeners, which the plan needs.
    await this.#peers.settle();
    this.planFor(null, now);
    if (this.#peers.isPending) return now + CRASH_COVER_MS;
    if (this.#peers.size > 0) this.#registrations.setEpoch(this.#history.epoch);
    if (this.#peers.isAnyWithoutListeners) return now + EMPTY_CHECK_MS;
    const { fewSince } = this.#registrations.planState;
    return fewSince === null ? Number.POSITIVE_INFINITY : Math.max(fewSince + COLLAPSE_AFTER_MS, now + CRASH_COVER_MS);
  }

  join(request: JoinRequest, now: number): JoinAnswer {
    const { shard: name, interest, resume } = request;
    const { products } = interest;
    const { region, index } = placeOf(name);
    const plan = this.planFor({ region, fullOf: null }, now);
    if (index >= (plan.shards[region] ?? 0)) return { status: "outside_plan", plan };
    const { log } = this.#core;
    log.epochs.store(now);
    const missed = recoverMissed(this.#core, resume, products, now);
    const position = log.position();
    const link = this.#peers.linkOf(name) ?? this.#peers.register(name, position);
    if (!link.join(request)) return { status: "fenced" };
    link.enterEpoch({ epoch: position.epoch, seq: this.#history.epochStart });
    const isWanted = ({ productId }: LoggedFrame) =>
      products === null || productId === null || products.includes(productId);
    const frames = missed?.filter(isWanted) ?? null;
    return { status: "joined", stamp: this.#peers.stampOf(position.epoch), ...position, frames, plan };
  }

  report({ shard: name, incarnation, count }: ReportRequest, now: number): ReportAnswer {
    const link = this.#peers.linkOf(name);
    if (!link && count > 0) return { status: "unregistered" };
    const isCurrent = link?.report(incarnation, count) ?? true;
    if (link) this.#checkLater(link, now);
    if (!isCurrent) return { status: "fenced" };
    return { status: "noted", plan: this.planFor(null, now) };
  }

  #noteAnswer(link: ShardLink): void {
    const now = Date.now();
    this.#checkLater(link, now);
    this.planFor(null, now);
  }

  /** Lets `maintain` ask a shard that may be without listeners. */
  #checkLater({ isWithoutListeners }: ShardLink, now: number): void {
    if (isWithoutListeners) this.#core.alarm.ensure(now + EMPTY_CHECK_MS, now);
  }
}
