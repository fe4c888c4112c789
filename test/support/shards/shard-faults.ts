import { ProductsChannel } from "../../../src/channels/products/products-channel.ts";
import { ProductsShard } from "../../../src/channels/products/shards/products-shard.ts";

/** The calls between the root and its shards that can fail: a push, and a request to join. */
export type ShardCall = "take" | "join";

/** What happens to one call. With `lose answer` it is executed, but its caller sees it fail. */
export type ShardFault = "fail" | "lose answer" | "delay" | "delay answer";

/** Long enough for other calls to overtake. */
const DELAY_MS = 15;

const delay = () => new Promise((resolve) => setTimeout(resolve, DELAY_MS));
const fail = () => {
  throw new Error("this call fails for a test");
};

/** Makes calls between the root and its shards fail, inside workerd. One for a test file: it stays in place. */
export class ShardFaults {
  readonly #due: Record<ShardCall, ShardFault[]> = { take: [], join: [] };

  constructor() {
    ProductsShard.prototype.take = this.#intercept(ProductsShard.prototype.take, this.#due.take);
    ProductsChannel.prototype.join = this.#intercept(ProductsChannel.prototype.join, this.#due.join);
  }

  /** The next call of this kind fails. */
  add(call: ShardCall, fault: ShardFault): void {
    this.#due[call].push(fault);
  }

  /** No further call fails. */
  end(): void {
    for (const faults of Object.values(this.#due)) faults.length = 0;
  }

  #intercept<This, Request, Answer>(
    execute: (this: This, request: Request) => Promise<Answer>,
    due: ShardFault[],
  ): (this: This, request: Request) => Promise<Answer> {
    return async function (request) {
      const fault = due.shift();
      if (fault === "fail") fail();
      if (fault === "delay") await delay();
      const answer = await execute.call(this, request);
      if (fault === "delay answer") await delay();
      if (fault === "lose answer") fail();
      return answer;
    };
  }
}
