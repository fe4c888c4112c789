import { chunksOf } from "../../protocol/chunks.ts";
import { utf8Length } from "../../protocol/utf8.ts";
import type { LoggedFrame } from "../log/log-event.ts";
import { replacedIn } from "./conflation.ts";
import type { Listener } from "./listener.ts";
import type { ProductFilter } from "./product-filter.ts";

/**
 * The approximate length up to which frames for a `tidings.v1` client are combined into one message. Clients see only
 * complete messages, and each one advances their position: at 5 KB/s, 16 KB arrive within the 10 s pong timeout. Larger
 * messages gain nothing: a burst is 38.0 times as fast as in the bare object of `npm run bench -- --only burst`, against
 * 38.5 times with 256 KB.
 */
const MAX_MESSAGE_CHARACTERS = 16 * 1024;

/** Frames for many clients. What they need of a frame is computed once and shared. */
export class FrameBatch {
  readonly frames: readonly LoggedFrame[];
  /** The indexes of all frames. */
  readonly #all: readonly number[];
  /** The indexes of the frames about each product; under null, those that every listener receives. */
  readonly #byProduct: ReadonlyMap<string | null, number[]>;
  /** The messages packed so far, by the frames in them. */
  readonly #packed = new Map<string, string[]>();
  /** Computed on first use, because it reads every character. */
  #bytes: Sizes | null = null;
  readonly #characters: Sizes;
  /** The indexes of the frames that a later one replaces. Computed on first use; most listeners want all. */
  #replaced: ReadonlySet<number> | null = null;

  constructor(frames: readonly LoggedFrame[]) {
    this.frames = frames;
    this.#all = [...frames.keys()];
    this.#characters = sizesOf(frames, (text) => text.length);
    this.#byProduct = Map.groupBy(this.#all, (index) => this.#at(index).productId);
  }

  /** The products that the frames are about; `all` when any frame is for every listener. */
  get products(): "all" | string[] {
    const products = [...this.#byProduct.keys()];
    return products.every((product) => product !== null) ? products : "all";
  }

  /** Returns the indexes of the frames in `(after, upTo]`, by `seq`, that pass a filter. */
  pick(filter: ProductFilter, after = 0, upTo = Number.POSITIVE_INFINITY): readonly number[] {
    const picked = filter === null ? this.#all : this.#about(filter);
    const [first, last] = [this.frames[0]?.seq ?? 0, this.frames.at(-1)?.seq ?? 0];
    const isInside = (seq: number) => seq > after && seq <= upTo;
    return after < first && upTo >= last ? picked : picked.filter((index) => isInside(this.#at(index).seq));
  }

  #about(products: string[]): readonly number[] {
    const picked = [null, ...new Set(products)].flatMap((product) => this.#byProduct.get(product) ?? []);
    return picked.sort((a, b) => a - b);
  }

  /**
   * Leaves out each picked frame that a later picked one replaces. Both are about one product, so a filter picks both or
   * neither.
   */
  newest(picked: readonly number[]): readonly number[] {
    if (picked.at(-1) !== this.#all.at(-1)) {
      // A later frame may replace a picked one, but is not for this listener yet.
      const replaced = replacedIn(picked.map((index) => this.#at(index)));
      return picked.filter((_, i) => !replaced.has(i));
    }
    this.#replaced ??= replacedIn(this.frames);
    const replaced = this.#replaced;
    return replaced.size === 0 ? picked : picked.filter((index) => !replaced.has(index));
  }

  /** Returns the frames that a listener wants, of missed events. */
  wantedBy({ products, conflates }: Pick<Listener, "products" | "conflates">): FrameBatch {
    const picked = this.pick(products);
    const wanted = conflates ? this.newest(picked) : picked;
    return wanted === this.#all ? this : new FrameBatch(wanted.map((index) => this.#at(index)));
  }

  /** Returns the messages that carry picked frames: one per frame, or arrays for a `tidings.v1` client. */
  messages(picked: readonly number[], speaksV1: boolean): readonly string[] {
    const texts = () => picked.map((index) => this.#at(index).text);
    if (!speaksV1 || picked.length === 1) return texts();
    const key = picked.length === this.#all.length ? "all" : picked.join();
    const messages = this.#packed.get(key) ?? packMessages(texts());
    this.#packed.set(key, messages);
    return messages;
  }

  characters(picked = this.#all): number {
    return this.#sum(this.#characters, picked);
  }

  /** Returns the picked frames' bytes in UTF-8. */
  bytes(picked = this.#all): number {
    this.#bytes ??= sizesOf(this.frames, utf8Length);
    return this.#sum(this.#bytes, picked);
  }

  lastSeq(picked: readonly number[]): number {
    return this.#at(picked.at(-1) ?? 0).seq;
  }

  /** Adds up picked sizes. Most clients receive all frames, whose sum is already known. */
  #sum({ each, all }: Sizes, picked: readonly number[]): number {
    return picked === this.#all ? all : picked.reduce((sum, index) => sum + (each[index] ?? 0), 0);
  }

  #at(index: number): LoggedFrame {
    const frame = this.frames[index];
    if (!frame) throw new RangeError(`no frame ${index}`);
    return frame;
  }
}

interface Sizes {
  each: number[];
  all: number;
}

function sizesOf(frames: readonly LoggedFrame[], sizeOf: (text: string) => number): Sizes {
  const each = frames.map(({ text }) => sizeOf(text));
  return { each, all: each.reduce((sum, size) => sum + size, 0) };
}

/** Joins frames into JSON arrays of bounded length, in order. A frame alone in its chunk is sent as it is. */
export function packMessages(frames: string[], maxLength = MAX_MESSAGE_CHARACTERS): string[] {
  return chunksOf(frames, maxLength).map((chunk) => (chunk.length === 1 ? String(chunk[0]) : `[${chunk.join()}]`));
}
