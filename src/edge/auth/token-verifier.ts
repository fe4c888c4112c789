import { WorkerEntrypoint } from "cloudflare:workers";
import type { Identity } from "../../channels/contract.ts";
import { configOf } from "../../config/config.ts";
import type { Env } from "../../config/env.ts";
import { REFUSALS, type SocketRefusal } from "../../protocol/refusals.ts";
import { logRefusal } from "../../telemetry/log.ts";
import { TOKEN_REFUSAL_BY_REASON, type TokenReason } from "./token-refusals.ts";
import { verifyToken } from "./verify.ts";

/** Verifies the token of an `authenticate` message for a channel, which calls it as `ctx.exports.TokenVerifier`. */
export class TokenVerifier extends WorkerEntrypoint<Env> {
  /** @param requestId The request that opened the socket, for the log. */
  async verify(
    token: string,
    requestId = "",
  ): Promise<{ ok: true; identity: Identity } | { ok: false; reason: TokenReason; refusal: SocketRefusal }> {
    const verified = await verifyToken(token, configOf(this.env), requestId);
    if (verified.ok) return verified;
    const { reason, claim } = verified;
    const publicReason = TOKEN_REFUSAL_BY_REASON[reason];
    // The keys cannot be fetched now, or the token is valid in a moment: let the client reconnect.
    const refusal = publicReason === "unavailable" ? "going_away" : publicReason;
    logRefusal({
      request_id: requestId,
      method: "message",
      route: "authenticate",
      reason: refusal,
      code: REFUSALS[refusal].close,
      reason_detail: reason,
      ...(claim !== undefined && { claim }),
    });
    return { ok: false, reason, refusal };
  }
}
