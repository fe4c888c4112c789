import { WorkerEntrypoint } from "cloudflare:workers";
import type { Identity } from "../../channels/contract.ts";
import { configOf } from "../../config/config.ts";
import type { Env } from "../../config/env.ts";
import type { SocketRefusal } from "../../protocol/refusals.ts";
import { refusalOf, type TokenReason, verifyToken } from "./verify.ts";

/** Verifies the token of an `authenticate` message for a channel, which calls it as `ctx.exports.TokenVerifier`. */
export class TokenVerifier extends WorkerEntrypoint<Env> {
  async verify(
    token: string,
  ): Promise<{ ok: true; identity: Identity } | { ok: false; reason: TokenReason; refusal: SocketRefusal }> {
    const verified = await verifyToken(token, configOf(this.env));
    if (verified.ok) return verified;
    const refusal = refusalOf(verified.reason);
    // While the keys cannot be fetched, the token may be valid: let the client reconnect instead of refusing it.
    return { ...verified, refusal: refusal === "unavailable" ? "going_away" : refusal };
  }
}
