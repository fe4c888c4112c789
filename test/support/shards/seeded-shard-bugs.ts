import { vi } from "vitest";
import { replacedIn } from "../../../src/channels/listeners/conflation.ts";
import { FrameBatch } from "../../../src/channels/listeners/frame-batch.ts";
import { ProductsChannel } from "../../../src/channels/products/products-channel.ts";
import type { TakeAnswer, TakeRequest } from "../../../src/channels/products/shards/contract.ts";
import { Head } from "../../../src/channels/products/shards/head.ts";
import { ProductsShard } from "../../../src/channels/products/shards/products-shard.ts";

/** Bugs of shards that a test must find. `vi.restoreAllMocks()` removes them. */

/** Replaces `take` by one that may call it. */
function replaceTake(
  replacement: (shard: ProductsShard, push: TakeRequest, take: () => Promise<TakeAnswer>) => Promise<TakeAnswer>,
): void {
  const take = ProductsShard.prototype.take;
  vi.spyOn(ProductsShard.prototype, "take").mockImplementation(function (this: ProductsShard, push) {
    return replacement(this, push, () => take.call(this, push));
  });
}

export const SEEDED_SHARD_BUGS: Record<string, () => void> = {
  "a push that is acknowledged and lost": () => {
    let pushes = 0;
    replaceTake(async ({ core }, push, take) => {
      if (push.frames.length === 0 || ++pushes % 4 > 0) return take();
      const { incarnation, listeners } = core;
      const head = { epoch: push.epoch, seq: push.upTo };
      return { status: "taken", head, sent: 0, incarnation, count: listeners.count, interest: null };
    });
  },

  "a shard that forgets its head": () => {
    vi.spyOn(Head.prototype, "save").mockImplementation(() => {});
  },

  "an interest that is dropped too early": () => {
    const take = ProductsShard.prototype.take;
    vi.spyOn(ProductsShard.prototype, "take").mockImplementation(async function (this: ProductsShard, push) {
      const answer = await take.call(this, { ...push, interestVersion: null });
      // Products that a client is waiting for are not among those that the others want.
      const { products } = this.core.listeners;
      return "interest" in answer && answer.interest
        ? { ...answer, interest: { ...answer.interest, products } }
        : answer;
    });
  },

  "a lost acknowledgement after which everything is sent again": () =>
    replaceTake(async ({ core }, _, take) => {
      const before = core.head.position;
      try {
        return await take();
      } catch (error) {
        if (before && core.head.position) core.head.start(before);
        throw error;
      }
    }),

  "a client that misses what was pushed while it waited for the root": () => {
    const join = ProductsChannel.prototype.join;
    vi.spyOn(ProductsChannel.prototype, "join").mockImplementation(async function (this: ProductsChannel, request) {
      const answer = await join.call(this, request);
      return answer.status === "joined" ? { ...answer, seq: this.core.log.position().seq } : answer;
    });
  },

  "a conflation that keeps the oldest": () => {
    vi.spyOn(FrameBatch.prototype, "newest").mockImplementation(function (this: FrameBatch, picked) {
      const replaced = replacedIn(this.frames.toReversed());
      return picked.filter((index) => !replaced.has(this.frames.length - 1 - index));
    });
  },

  "a conflation of events that are not replaced": () => {
    vi.spyOn(FrameBatch.prototype, "newest").mockImplementation(function (this: FrameBatch, picked) {
      const asPrices = this.frames.map((frame) => ({
        ...frame,
        text: frame.text.replace("product_updated", "price_updated"),
      }));
      const replaced = replacedIn(asPrices);
      return picked.filter((index) => !replaced.has(index));
    });
  },

  "a replay that is not conflated": () => {
    const { wantedBy } = FrameBatch.prototype;
    vi.spyOn(FrameBatch.prototype, "wantedBy").mockImplementation(function (this: FrameBatch, { products }) {
      return wantedBy.call(this, { products, conflates: false });
    });
  },
};
