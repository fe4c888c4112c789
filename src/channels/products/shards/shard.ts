import { type Config, configOf } from "../../../config/config.ts";
import type { Env } from "../../../config/env.ts";
import type { Position } from "../../../protocol/frames.ts";
import {
  MAX_SHARD_MESSAGES_PER_SECOND,
  MAX_SHARD_SOCKETS,
  parseShardName,
  placeOf,
  type ShardName,
} from "../../../protocol/shards.ts";
import { Alarm } from "../../alarm.ts";
import { ChannelTelemetry } from "../../channel-telemetry.ts";
import type { SocketCore } from "../../core.ts";
import { productsStub } from "../../directory.ts";
import { Listeners } from "../../listeners/listeners.ts";
import { ListenableProducts } from "../listenable-products.ts";
import { EMPTY_CHECK_MS } from "./contract.ts";
import { CoveredInterest } from "./covered-interest.ts";
import { Drain, isAbandoned } from "./drain.ts";
import { Head } from "./head.ts";
import { laterPlan, type ShardPlan } from "./plan.ts";
import { RecentFrames } from "./recent-frames.ts";
import { RootOrder } from "./root-order.ts";
import { SendRate } from "./send-rate.ts";

/** Recent frames in memory, in characters: clients that reconnect soon are admitted without asking the root. */
const MAX_RECENT_CHARACTERS = 2 * 1024 * 1024;

/** Listener-count reports that may follow one another at once. Later changes go with the next report, or by the alarm. */
const REPORT_BURST = 10;
/**
 * How long events are still received after the last listener has left, because it may return. Over by the time the root
 * asks (`EMPTY_CHECK_MS`).
 */
const KEEP_INTEREST_MS = EMPTY_CHECK_MS - 10_000;

/** A client that waits for the root's answer. */
export interface JoiningClient {
  subject: string;
  /** Set when the user is disconnected meanwhile. */
  isDisconnected: boolean;
}

/** The verbs that the parts of a shard call. */
interface Verbs {
  cover(shard: Shard, socket: WebSocket, products: string[]): Position | Promise<Position>;
  report(shard: Shard, count: number): void;
}

/** The parts of a shard, which its verbs work on. It stores nothing: only its sockets outlive hibernation. */
export class Shard implements SocketCore {
  readonly ctx: DurableObjectState;
  readonly config: Config;
  readonly name: ShardName;
  readonly root: () => ReturnType<typeof productsStub>;
  readonly listeners: Listeners;
  readonly alarm: Alarm;
  readonly telemetry: ChannelTelemetry;
  readonly topic = new ListenableProducts();
  readonly position = (): Position => this.head.position ?? { epoch: "", seq: 0 };
  readonly cover: SocketCore["cover"];

  /** This start of the object. */
  readonly incarnation = crypto.randomUUID();
  readonly head: Head;
  /** The frames that were pushed since the object woke. */
  readonly recent = new RecentFrames(MAX_RECENT_CHARACTERS);
  readonly interest = new CoveredInterest(() => this.listeners.products);
  readonly order = new RootOrder();
  readonly drain: Drain;
  readonly joining = new Set<JoiningClient>();
  readonly sendRate = new SendRate(() => this.listeners.sender.messagesSent);
  /** Settles when the last push is taken. */
  lastTake: Promise<unknown> = Promise.resolve();
  /** Whether the root pushes to this shard. */
  isRegistered = false;
  /** The number of listeners that the root knows. */
  reportedCount: number | null = null;
  /** The latest plan that this shard has learned; null until it has learned one. The root may have a later one. */
  plan: ShardPlan | null = null;
  #emptySince = Number.NEGATIVE_INFINITY;
  #isFenced = false;

  constructor(ctx: DurableObjectState, env: Env, { cover, report }: Verbs) {
    const { name } = parseShardName(ctx.id.name ?? "") ?? {};
    if (!name) throw new Error(`not a shard's name: ${ctx.id.name}`);
    this.ctx = ctx;
    this.config = configOf(env);
    this.name = name;
    this.root = () => productsStub(env);
    this.cover = (socket, products) => cover(this, socket, products);
    this.alarm = new Alarm(ctx);
    this.telemetry = new ChannelTelemetry(
      { ctx, env, name, kind: this.topic.kind, alarm: this.alarm },
      {
        listeners: () => this.listeners.count,
        // The root declares gaps; they arrive as a new epoch.
        onGap: async () => {},
        onReport: (count) => report(this, count),
      },
      // A timer would keep this object awake each time that a listener comes or goes.
      { burst: REPORT_BURST, waits: false },
    );
    this.listeners = new Listeners(
      ctx,
      {
        opened: () => this.telemetry.opened(),
        closed: (listener, code) => {
          this.telemetry.closed(listener, code);
          if (listener.head) this.head.replaceCarriers();
          if (this.listeners.count === 0) this.#emptySince = Date.now();
        },
      },
      this.config,
      // The root has already grouped the events of one push.
      { coalesces: false },
    );
    this.head = new Head(this.listeners);
    this.drain = new Drain(ctx, this.listeners, () => this.isOutsidePlan);
    this.#wake();
  }

  /**
   * Whether the root may stop sending events: there is no listener, none can return (the last one left `KEEP_INTEREST_MS`
   * ago or earlier, or this shard cannot admit one), and no request to the root is pending, whose answer would register
   * this shard.
   */
  isIdle(now: number): boolean {
    if (this.interest.isPending || this.#hasListener()) return false;
    const mayServeAgain = this.head.position !== null && !this.isOutsidePlan && !this.#isFenced;
    return !mayServeAgain || now - this.#emptySince >= KEEP_INTEREST_MS;
  }

  /**
   * Whether new clients are to go to another object.
   * @param joining How many clients are being admitted already.
   */
  isFull(now: number, joining = this.joining.size): boolean {
    if (this.#isFenced) return true;
    const maxSockets = Math.min(MAX_SHARD_SOCKETS, this.config.connections.perChannel);
    const sockets = this.listeners.sockets + joining;
    return sockets >= maxSockets || this.sendRate.perSecond(now) >= MAX_SHARD_MESSAGES_PER_SECOND;
  }

  /** Whether the known plan excludes this shard; false until a plan is known. */
  get isOutsidePlan(): boolean {
    const { region, index } = placeOf(this.name);
    return this.plan !== null && index >= (this.plan.shards[region] ?? 0);
  }

  /** Notes a plan. A shard that is not part of it closes its sockets, in waves. */
  learnPlan(plan: ShardPlan): void {
    this.plan = this.plan ? laterPlan(this.plan, plan) : plan;
    if (this.isOutsidePlan) this.drain.start();
  }

  /** Closes every socket, because this object has been replaced. */
  fence(): void {
    this.#isFenced = true;
    this.drain.abandonAll();
  }

  /** Ends the registration: until the next join, the root sends nothing. */
  unregister(): void {
    this.isRegistered = false;
    this.head.clear();
    this.recent.reset(0);
    this.interest.clear();
  }

  /** Restores what is known from the sockets' attachments. Closes those that may have missed events. */
  #wake(): void {
    const { position } = this.head;
    const lost: WebSocket[] = [];
    for (const { socket, listener } of this.listeners.all()) {
      const isLost = position === null || listener.unconfirmed > 0 || isAbandoned(listener);
      if (isLost) lost.push(socket);
      else this.interest.confirm(listener.products, listener.coveredFrom);
    }
    if (lost.length > 0) this.drain.abandon(lost);
    if (!position || !this.#hasListener()) return;
    this.isRegistered = true;
    this.recent.reset(position.seq);
  }

  #hasListener(): boolean {
    return this.listeners.all().some(({ listener }) => !isAbandoned(listener));
  }
}
