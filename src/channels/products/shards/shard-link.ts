import type { Position } from "../../../protocol/frames.ts";
import { type JoinRequest, MAX_INTEREST_PRODUCTS, type TakeAnswer } from "./contract.ts";

/** Replaced incarnations that are remembered. Each wake of the shard is a new one. */
const MAX_FENCED = 32;

type Acknowledgement = Extract<TakeAnswer, { status: "taken" | "want" }>;

/** What had arrived from a shard when a push was sent. The answer to the push may be older than what arrives before it. */
export interface Heard {
  joins: number;
  reports: number;
  probes: number;
}

/** What the root knows of one shard, in memory: its position, interest and number of listeners. */
export class ShardLink {
  /** Up to here, the shard has everything. After a wake of the root, a guess that the shard corrects. */
  acked: Position;
  /** Whether `acked` is what the shard acknowledged. */
  isAckedKnown: boolean;
  /** No event between `acked` and this `seq` is for the shard. */
  scanned: number;
  /** The number of listeners; null until the shard reports it. */
  count: number | null = null;
  /** Whether the shard had no listeners when last heard from. The root then asks whether it still needs events. */
  isWithoutListeners = false;
  #joins = 0;
  #reports = 0;
  /** How often a push was requested although there may be no event for the shard. */
  #probes = 0;
  /** How many of these requests have been answered. */
  #probesAnswered = 0;
  #incarnation: string | null = null;
  readonly #fenced = new Set<string>();
  /** The products that the shard needs; null for all, also while the interest is not known. */
  #products: Set<string> | null = null;
  /** The version of the last addition to the interest. */
  #version = 0;
  /** The version of the interest that an acknowledgement brought; null when there is none that counts. */
  #replacedVersion: number | null = null;

  /**
   * @param position The position from which the root pushes.
   * @param isNew Whether the shard has just registered: then the root knows that it needs nothing yet.
   */
  constructor(position: Position, isNew: boolean) {
    this.acked = position;
    this.scanned = position.seq;
    this.isAckedKnown = isNew;
    if (isNew) this.#products = new Set();
  }

  /** The version of the interest that an acknowledgement brought; null asks the shard for it. */
  get interestVersion(): number | null {
    return this.#replacedVersion;
  }

  get heard(): Heard {
    return { joins: this.#joins, reports: this.#reports, probes: this.#probes };
  }

  /** Whether to push even if there is no event for the shard. */
  get isProbeDue(): boolean {
    return this.#probes > this.#probesAnswered;
  }

  /** Whether the shard needs the events of a product; null stands for an event that every listener receives. */
  wants(product: string | null): boolean {
    return product === null || this.#products === null || this.#products.has(product);
  }

  /** Adds what a shard asks for. Returns false for an incarnation that was replaced. */
  join({ incarnation, interest, count }: Pick<JoinRequest, "incarnation" | "interest" | "count">): boolean {
    if (this.#fenced.has(incarnation)) return false;
    this.#trust(incarnation);
    this.#version = Math.max(this.#version, interest.version);
    // An addition that arrives late: the shard may have given it up and reported that already.
    if (this.#replacedVersion !== null && interest.version < this.#replacedVersion) this.#replacedVersion = null;
    if (interest.products === null) this.#products = null;
    for (const product of interest.products ?? []) this.#products?.add(product);
    if (this.#products && this.#products.size > MAX_INTEREST_PRODUCTS) {
      this.#products = null;
      this.#replacedVersion = null;
    }
    this.count = count;
    this.isWithoutListeners = false;
    this.#joins++;
    return true;
  }

  /** Skips the rest of a former epoch, because the answer to a join makes the current one known. */
  enterEpoch(start: Position): void {
    if (this.acked.epoch === start.epoch) return;
    this.acked = start;
    this.scanned = start.seq;
    this.requestProbe();
  }

  /** Notes a reported count. Returns false for an incarnation that was replaced. */
  report(incarnation: string, count: number): boolean {
    // Only the answer to a push shows that no other object has listeners in this shard's name.
    if (count === 0) this.isWithoutListeners = true;
    if (this.#fenced.has(incarnation)) return false;
    this.count = count;
    this.isWithoutListeners = count === 0;
    this.#reports++;
    return true;
  }

  /** Requests a push, even if there is no event for the shard. */
  requestProbe(): void {
    this.#probes++;
  }

  /** Returns whether the shard has joined since. */
  hasJoinedSince({ joins }: Heard): boolean {
    return this.#joins !== joins;
  }

  /**
   * Notes the answer to a push.
   * @param before `heard` when the push was sent.
   * @param epoch The epoch that was pushed.
   * @returns false for the answer of an incarnation that another one has replaced since then.
   */
  acknowledge(answer: Acknowledgement, before: Heard, epoch: string): boolean {
    const { status, head, incarnation, count, interest } = answer;
    if (this.hasJoinedSince(before) && incarnation !== this.#incarnation) return false;
    this.#trust(incarnation);
    this.acked = head;
    this.isAckedKnown = true;
    this.scanned = head.seq;
    if (this.#reports === before.reports) {
      this.count = count;
      this.isWithoutListeners = count === 0;
    }
    if (status === "taken" && head.epoch === epoch) this.#probesAnswered = before.probes;
    if (interest && interest.version >= this.#version) {
      this.#products = interest.products && new Set(interest.products);
      this.#replacedVersion = interest.version;
    }
    return true;
  }

  /** A new incarnation counts its versions from 0. What the former one asked for includes what it still needs. */
  #trust(incarnation: string): void {
    if (incarnation === this.#incarnation) return;
    if (this.#incarnation !== null) this.#fenced.add(this.#incarnation);
    this.#fenced.delete(incarnation);
    const [oldest] = this.#fenced;
    if (oldest !== undefined && this.#fenced.size > MAX_FENCED) this.#fenced.delete(oldest);
    this.#incarnation = incarnation;
    this.#version = 0;
    this.#replacedVersion = null;
  }
}
