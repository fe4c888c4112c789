import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { mintToken } from "../cli/shared/mint.ts";
import { ServiceClient } from "../cli/shared/service.ts";
import { jwtSecret, publishKey, redisStream } from "../cli/shared/settings.ts";
import { HEALTH_PATH, orderPath } from "../protocol/paths.ts";
import type { Wrangler } from "./wrangler.ts";

/** The order id in the original service's examples, so that pages based on them work unchanged. */
const ORDER_ID = "123e4567-e89b-12d3-a456-426614174000";
const OWNER = "alice";
const TOKEN_SECONDS = 86_400;
/** wrangler reports that it is ready shortly before its proxy answers. */
const HEALTH_TIMEOUT_MS = 30_000;
/** No back-off: a single client waits for a service on the same machine. */
const HEALTH_RETRY_MS = 100;

/**
 * Waits for the service, registers the demo order, and mints tokens.
 * @param cwd The folder with the service's `.dev.vars`.
 * @returns Null when wrangler ended first.
 */
export async function prepareDemo(url: string, wrangler: Wrangler, cwd: string) {
  // Only the file counts, because wrangler does not pass environment variables to the service.
  const sources = { env: {}, cwd };
  const key = publishKey({}, sources);
  const secret = jwtSecret({}, sources);
  const service = new ServiceClient(url, key);
  let hasExited = false;
  void wrangler.exited.then(() => {
    hasExited = true;
  });
  await untilHealthy(service, () => hasExited);
  if (hasExited) return null;
  const owner = `${secret.form.idPrefix}${OWNER}`;
  // The order survives restarts. Because of its version, registering it again changes nothing.
  const order = { user_id: owner, status: "pending", payment_status: "pending", version: 0 };
  await service.call("PUT", orderPath(ORDER_ID), order);
  const mint = async (subject: string, role?: string) =>
    (await mintToken({ subject, role, ttlSeconds: TOKEN_SECONDS }, secret)).token;
  return {
    url,
    publishKey: key.value,
    orderId: ORDER_ID,
    owner,
    /** Whether the demo page is served; a build may leave it out. */
    hasPage: existsSync(join(cwd, "dist/site/index.html")),
    customerToken: await mint(OWNER),
    adminToken: await mint("admin", secret.form.adminRole),
    /** Whether the service accepts these tokens, which are signed with `JWT_SECRET`. */
    areTokensAccepted: secret.form.isAccepted,
    /** The Redis stream that the service reads. */
    stream: redisStream(sources),
  };
}

export type Demo = NonNullable<Awaited<ReturnType<typeof prepareDemo>>>;

async function untilHealthy(service: ServiceClient, hasExited: () => boolean): Promise<void> {
  const deadline = Date.now() + HEALTH_TIMEOUT_MS;
  while (!hasExited()) {
    try {
      await service.call("GET", HEALTH_PATH);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await wait(HEALTH_RETRY_MS);
    }
  }
}
