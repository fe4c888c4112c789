import type { HonoRequest } from "hono";
import { BEARER_PROTOCOL_PREFIX, SUBPROTOCOL } from "../../protocol/frames.ts";

/**
 * Returns a handshake's token, or null. Looks in `Authorization: Bearer`, then in
 * `Sec-WebSocket-Protocol: tidings.v1, bearer.<jwt>`, then in `?token=`.
 */
export function findToken(request: HonoRequest): string | null {
  return (
    bearerToken(request.raw) ??
    offeredProtocols(request.raw)
      .find((name) => name.startsWith(BEARER_PROTOCOL_PREFIX))
      ?.slice(BEARER_PROTOCOL_PREFIX.length) ??
    request.query("token") ??
    null
  );
}

/** Returns the credential of `Authorization: Bearer <credential>` (RFC 6750), or null. */
export function bearerToken(request: Request): string | null {
  return /^Bearer +(\S+) *$/i.exec(request.headers.get("Authorization") ?? "")?.[1] ?? null;
}

/** The other place for a publish key; gateways and no-code tools call it this. */
export const API_KEY_HEADER = "X-API-Key";

/** Returns what may be a publish key, from `X-API-Key` or `Authorization: Bearer`, or null. */
export function presentedKey(request: Request): string | null {
  return request.headers.get(API_KEY_HEADER) ?? bearerToken(request);
}

/** Returns whether the client offered `tidings.v1`. */
export function speaksSubprotocol(request: Request): boolean {
  return offeredProtocols(request).includes(SUBPROTOCOL);
}

function offeredProtocols(request: Request): string[] {
  return (request.headers.get("Sec-WebSocket-Protocol") ?? "").split(",").map((name) => name.trim());
}
