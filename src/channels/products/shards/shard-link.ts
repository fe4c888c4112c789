import type { Position } from "../../../protocol/frames.ts";
import type { JoinRequest, TakeAnswer } from "./contract.ts";
import type { ShardState } from "./next-push.ts";

/** Replaced incarnations that are remembered. Each wake of the shard is a new one. */
const MAX_FENCED = 32;

type Acknowledgement = Extract<TakeAnswer, { status: "taken" | "want" }>;

/** What the root knows of one shard, in memory: its position, interest and number of listeners. */
export class ShardLink {
  /** Up to here, the shard has everything. After a wake of the root, a guess that the shard corrects. */
  acked: Position;
  /** Whether `acked` is what the shard acknowledged. */
  isAckedKnown: boolean;
  scanned: number;
  /** Whether to push even if there is no event for the shard. */
  isProbeDue = false;
  /** The number of listeners; null before the shard has told it. */
  count: number | null = null;
  /** How often the shard has joined. */
  joins = 0;
  #incarnation: string | null = null;
  readonly #fenced = new Set<string>();
  /** The products that the shard needs; null for all, also while the interest is not known. */
  #products: Set<string> | null = null;
  #isInterestKnown: boolean;
  /** The version of the last addition to the interest. */
  #version = 0;

  /**
   * @param position The position from which the root pushes.
   * @param isNew Whether the shard has just registered: then the root knows that it needs nothing yet.
   */
  constructor(position: Position, isNew: boolean) {
    this.acked = position;
    this.scanned = position.seq;
    this.isAckedKnown = isNew;
    this.#isInterestKnown = isNew;
    if (isNew) this.#products = new Set();
  }

  /** The version of the interest that the root knows, or null. */
  get interestVersion(): number | null {
    return this.#isInterestKnown ? this.#version : null;
  }

  get state(): ShardState {
    const { acked, isAckedKnown, scanned, isProbeDue } = this;
    return { acked, isAckedKnown, scanned, isProbeDue, wants: (product) => this.wants(product) };
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
    if (interest.products === null) this.#products = null;
    for (const product of interest.products ?? []) this.#products?.add(product);
    this.count = count;
    this.joins++;
    return true;
  }

  /** Notes a reported count. Returns false for an incarnation that was replaced. */
  report(incarnation: string, count: number): boolean {
    // Only the answer to a push shows that no other object has listeners in this shard's name.
    if (count === 0) this.isProbeDue = true;
    if (this.#fenced.has(incarnation)) return false;
    this.count = count;
    return true;
  }

  /**
   * Notes the answer to a push.
   * @param joinsBefore `joins` when the push was sent.
   * @returns false for the answer of an incarnation that another one has replaced since then.
   */
  acknowledge({ head, incarnation, count, interest }: Acknowledgement, joinsBefore: number): boolean {
    const hasJoined = joinsBefore !== this.joins;
    if (hasJoined && incarnation !== this.#incarnation) return false;
    this.#trust(incarnation);
    this.acked = head;
    this.isAckedKnown = true;
    this.scanned = head.seq;
    this.count = count;
    if (interest && interest.version >= this.#version) {
      this.#products = interest.products && new Set(interest.products);
      this.#isInterestKnown = true;
    }
    return true;
  }

  /** A new incarnation counts its versions anew. What the former one asked for includes what it still needs. */
  #trust(incarnation: string): void {
    if (incarnation === this.#incarnation) return;
    if (this.#incarnation !== null) this.#fenced.add(this.#incarnation);
    this.#fenced.delete(incarnation);
    const [oldest] = this.#fenced;
    if (oldest !== undefined && this.#fenced.size > MAX_FENCED) this.#fenced.delete(oldest);
    this.#incarnation = incarnation;
    this.#version = 0;
  }
}
