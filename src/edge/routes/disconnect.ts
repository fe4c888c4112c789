import type { Context } from "hono";
import * as z from "zod";
import { channelStub } from "../../channels/directory.ts";
import { PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import { check, MAX_EVENT_BYTES } from "../../protocol/publish.ts";
import type { HonoEnv } from "../app.ts";
import { requireScope } from "../auth/keys.ts";
import { requireAnyService } from "../auth/require.ts";
import { readJson } from "../body.ts";
import { Refusal } from "../errors.ts";

/** The body. */
export const disconnectRequest = z.strictObject({
  channel: z.string(),
  user_id: z.string().min(1).max(256).optional(),
});

/** `POST /api/v1/disconnect`: closes a channel's sockets, or one user's among them, with 4001. */
export async function disconnect(c: Context<HonoEnv>): Promise<Response> {
  const service = await requireAnyService(c);
  const body = check(disconnectRequest, await readJson(c.req.raw, MAX_EVENT_BYTES));
  if (!body.ok) throw new Refusal("validation_failed", { errors: body.errors });
  const channel = channelStub(c.env, body.value.channel);
  if (!channel) {
    const errors = [{ field: "channel", message: "must be order_<order id> or products" }];
    throw new Refusal("validation_failed", { errors });
  }
  requireScope(service, body.value.channel === PRODUCTS_CHANNEL ? "products" : "orders");
  return c.json({ closed: await channel.disconnect(body.value.user_id ?? null) });
}
