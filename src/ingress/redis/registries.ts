import type { Env } from "../../config/env.ts";
import { registryStubs } from "../../registry/directory.ts";
import { withinTimeLimit } from "../../runtime/time-limit.ts";

/** A registry may have thousands of channels to notify. Notifying one again changes nothing. */
const NOTIFY_TIMEOUT_MS = 60_000;

/** What the relay asks of all registries together. */
export class Registries {
  readonly #env: Env;
  /** The registry that last had a listener. Asking it first usually saves asking the others. */
  #preferred = 0;

  constructor(env: Env) {
    this.#env = env;
  }

  /** Returns whether any channel has listeners. A registry that does not answer may know of some, so it counts. */
  async hasListeners(): Promise<boolean> {
    const preferred = this.#preferred;
    const asks = registryStubs(this.#env).map((registry, index) => async () => {
      const answer = await withinTimeLimit(registry.hasListeners()).catch(() => null);
      if (answer) this.#preferred = index;
      return answer;
    });
    const first = await asks[preferred]?.();
    if (first) return true;
    const others = await Promise.all(asks.filter((_, index) => index !== preferred).map((ask) => ask()));
    return [first, ...others].some((answer) => answer !== false);
  }

  /** Has every registry notify its channels of a gap. @throws when one failed, after all have been tried. */
  async notifyGap(gapAt: number): Promise<void> {
    const calls = registryStubs(this.#env).map((registry) =>
      withinTimeLimit(registry.notifyGap(gapAt), NOTIFY_TIMEOUT_MS),
    );
    const results = await Promise.allSettled(calls);
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
  }
}
