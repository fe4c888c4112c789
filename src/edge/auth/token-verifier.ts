import { WorkerEntrypoint } from "cloudflare:workers";
import type { Identity } from "../../channels/contract.ts";
import { configOf } from "../../config/config.ts";
import type { Env } from "../../config/env.ts";
import type { SocketRefusal } from "../../protocol/refusals.ts";
import { publicReason, type TokenFault, verifyToken } from "./verify.ts";

/** Lets a channel ask about the token in an `authenticate` message, as `ctx.exports.TokenVerifier`. */
export class TokenVerifier extends WorkerEntrypoint<Env> {
  async verify(
    token: string,
  ): Promise<{ ok: true; identity: Identity } | { ok: false; reason: TokenFault; refusal: SocketRefusal }> {
    const verified = await verifyToken(token, configOf(this.env));
    if (verified.ok) return verified;
    const refusal = publicReason(verified.fault);
    // Nobody can tell now: whoever comes back may find somebody who can.
    return { ok: false, reason: verified.fault, refusal: refusal === "unavailable" ? "going_away" : refusal };
  }
}
