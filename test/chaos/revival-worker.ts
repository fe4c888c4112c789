import type { Env } from "../../src/config/env.ts";
import service from "../../src/index.ts";
import { StreamRelay as ServiceStreamRelay } from "../../src/ingress/redis/relay.ts";

/** The service, with a relay that can be made to die, and the cron trigger as a path: locally it does not fire. */

export { ChannelRegistry, OrderChannel, ProductsChannel, TokenVerifier } from "../../src/index.ts";

export class StreamRelay extends ServiceStreamRelay {
  /** What is left when an alarm has failed too often: no alarm. */
  async dropAlarm(): Promise<void> {
    await this.ctx.storage.deleteAlarm();
  }

  /** From here on it cannot plan when to look again. */
  async loseItsPlans(): Promise<void> {
    const fail = () => Promise.reject(new Error("it fails for the test"));
    Object.defineProperty(this.ctx.storage, "getAlarm", { value: fail, configurable: true });
  }

  /** The object is thrown out of memory, as a fault of the platform would. */
  async die(): Promise<void> {
    await this.ctx.storage.deleteAlarm();
    this.ctx.abort("it dies for a test");
  }
}

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    // The binding's objects are of the class above.
    const relay = env.STREAM_RELAY.getByName("relay") as unknown as DurableObjectStub<StreamRelay>;
    switch (new URL(request.url).pathname) {
      case "/test/drop-alarm":
        await relay.dropAlarm();
        return new Response();
      case "/test/die":
        await relay.die().catch(() => {});
        return new Response();
      case "/test/lose-plans":
        await relay.loseItsPlans();
        return new Response();
      case "/test/cron":
        await service.scheduled({ scheduledTime: Date.now(), cron: "* * * * *", noRetry() {} }, env, ctx);
        return new Response();
      default:
        return service.fetch(request, env, ctx);
    }
  },
};
