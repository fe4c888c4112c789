import { ForwardProcess } from "../support/forward-process.ts";
import { freePort } from "../support/loopback.ts";
import { hasRedis } from "../support/redis.ts";
import { type RedisService, startRedisService } from "../support/redis-service.ts";
import { hasOriginal, OriginalService } from "./original-service.ts";

/** The original service and Tidings, with one Redis and the shop's own order API, as while a shop migrates. */

export type ServiceName = "original" | "tidings";

/** Belongs to alice; the one that the original's documentation has in its pages. */
export const ORDER = "123e4567-e89b-12d3-a456-426614174000";

export class SideBySide {
  readonly original: OriginalService;
  readonly tidings: RedisService;
  /** Publishes to Tidings what the original's publishers send through Redis. */
  readonly #forward: ForwardProcess;

  private constructor(original: OriginalService, tidings: RedisService, forward: ForwardProcess) {
    this.original = original;
    this.tidings = tidings;
    this.#forward = forward;
  }

  static async start(vars: Record<string, string> = {}): Promise<SideBySide> {
    const port = await freePort();
    const original = await OriginalService.create(`redis://127.0.0.1:${port}`);
    const ORDERS_API_URL = `${original.url}/api/v1/orders`;
    const tidings = await startRedisService({ redis: { port }, vars: { ORDERS_API_URL, ...vars } });
    await original.restart();
    await original.run(`from app.orders import save_order\nsave_order("${ORDER}", "alice")`);
    return new SideBySide(original, tidings, await ForwardProcess.start(tidings.redis.url, tidings.service.url));
  }

  /** The URL of each service. */
  get urls(): Record<ServiceName, string> {
    return { original: this.original.url, tidings: this.tidings.service.url };
  }

  async stop(): Promise<void> {
    await this.#forward.stop();
    await this.original.stop();
    await this.tidings.stop();
  }
}

/** Whether everything that it needs is installed. @param untested What is not tested otherwise. */
export const canRunSideBySide = (untested: string): boolean =>
  [hasOriginal(untested), hasRedis(untested)].every(Boolean);
