import { WorkerEntrypoint } from "cloudflare:workers";
import { configOf, type Env } from "../../config.ts";
import type { SocketRefusal } from "../../protocol/refusals.ts";
import { type Identity, publicReason, type TokenFault, verifyToken } from "./verify.ts";

/** Lets a channel ask about the token in an `authenticate` message, as `ctx.exports.TokenVerifier`. */
export class TokenVerifier extends WorkerEntrypoint<Env> {
  async verify(
    token: string,
  ): Promise<{ ok: true; identity: Identity } | { ok: false; fault: TokenFault; reason: SocketRefusal }> {
    const verified = await verifyToken(token, configOf(this.env));
    if (verified.ok) return verified;
    const reason = publicReason(verified.fault);
    // Nobody can tell now: whoever comes back may find somebody who can.
    return { ...verified, reason: reason === "unavailable" ? "going_away" : reason };
  }
}
