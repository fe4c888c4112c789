import { WorkerEntrypoint } from "cloudflare:workers";
import { configOf, type Env } from "../../config.ts";
import { type Identity, publicReason, type TokenFault, verifyToken } from "./verify.ts";

/** Lets a channel ask about the token in an `authenticate` message, as `ctx.exports.TokenVerifier`. */
export class TokenVerifier extends WorkerEntrypoint<Env> {
  async verify(
    token: string,
  ): Promise<
    { ok: true; identity: Identity } | { ok: false; fault: TokenFault; reason: ReturnType<typeof publicReason> }
  > {
    const verified = await verifyToken(token, configOf(this.env));
    return verified.ok ? verified : { ...verified, reason: publicReason(verified.fault) };
  }
}
