import type { Context } from "hono";
import * as z from "zod";
import { channelStub } from "../../channels/directory.ts";
import { idText } from "../../protocol/ids.ts";
import { CHANNEL_RULE, MAX_USER_ID_LENGTH } from "../../protocol/names.ts";
import { requireScope, scopeOf } from "../auth/keys.ts";
import { requireAnyService } from "../auth/require.ts";
import { readValid } from "../body.ts";
import { type HonoEnv, reportFault } from "../context.ts";
import { invalid, Refusal } from "../errors.ts";

/** The request body. */
export const disconnectRequest = z.strictObject({
  channel: z.string().describe("`order_<order id>` or `products`"),
  /** Never null: a service that has lost the id must not disconnect every user. */
  user_id: idText(MAX_USER_ID_LENGTH).optional().describe("Closes only this user's sockets; without it, all."),
});

/** `POST /api/v1/disconnect`: closes a channel's sockets, or only one user's, with 4001; 503 unless all were reached. */
export async function disconnect(c: Context<HonoEnv>): Promise<Response> {
  const service = await requireAnyService(c);
  const { channel: name, user_id: userId = null } = await readValid(c.req.raw, disconnectRequest);
  const channel = channelStub(c.env, name);
  if (!channel) throw invalid({ field: "channel", message: CHANNEL_RULE });
  requireScope(service, scopeOf(name));
  try {
    return c.json({ closed: await channel.disconnect(userId) });
  } catch (error) {
    // The object or one of its shards cannot be reached, so some sockets may still be open.
    reportFault(c, "request", error);
    throw new Refusal("unavailable", { detail: "Some sockets may still be open. Repeating the call is safe." });
  }
}
