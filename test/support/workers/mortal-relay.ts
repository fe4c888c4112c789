import type { Env } from "../../../src/config/env.ts";
import service from "../../../src/index.ts";
import { StreamRelay as ServiceStreamRelay } from "../../../src/ingress/redis/relay.ts";

/** The service, with a relay that tests can kill, and the cron trigger as a path, because it never fires locally. */

export { ChannelRegistry, OrderChannel, ProductsChannel, ProductsShard, TokenVerifier } from "../../../src/index.ts";

export class StreamRelay extends ServiceStreamRelay {
  /** Leaves the relay without an alarm, as after an alarm that failed too often. */
  async dropAlarm(): Promise<void> {
    await this.ctx.storage.deleteAlarm();
  }

  /** Makes every later attempt to schedule the next read fail. */
  async failToSchedule(): Promise<void> {
    const fail = () => Promise.reject(new Error("it fails for the test"));
    Object.defineProperty(this.ctx.storage, "getAlarm", { value: fail, configurable: true });
  }

  /** Evicts the object without an alarm, as a platform failure would. */
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
      case "/test/fail-to-schedule":
        await relay.failToSchedule();
        return new Response();
      case "/test/cron":
        await service.scheduled({ scheduledTime: Date.now(), cron: "* * * * *", noRetry() {} }, env, ctx);
        return new Response();
      default:
        return service.fetch(request, env, ctx);
    }
  },
};
