import { jwtVerify, SignJWT } from "jose";
import * as z from "zod";
import { safeLength } from "../../protocol/safe-length.ts";
import { perConfig } from "./per-config.ts";

/**
 * Tickets: tokens issued by this service, each of which admits a guest to one order.
 *
 * They are signed with keys derived from `JWT_SECRET`. A backend that signs users' tokens with that secret can
 * therefore not produce a ticket, whatever claims it includes, and a ticket never verifies as a user's token.
 */

/** The `typ` of a ticket (RFC 8725, section 3.11). */
const TICKET_TYPE = "tidings-ticket+jwt";
const TICKET_AUDIENCE = "tidings-ticket";
const TICKET_HEADER = { alg: "HS256", typ: TICKET_TYPE } as const;
/** Part of the key derivation. Changing it invalidates every ticket. */
const KEY_PURPOSE = "tidings ticket 1";
/** All tickets share their header, so they start with the same characters. */
const TICKET_START = `${btoa(JSON.stringify(TICKET_HEADER)).replace(/=+$/, "")}.`;

/** What a ticket grants. */
export interface Grant {
  orderId: string;
  /** The order accepts tickets of its current generation only, which changes with the order's owner. */
  generation: string;
}

const ticketClaims = z.object({
  sub: safeLength(z.string().startsWith("ticket:").max(64)),
  order: z.string(),
  /** The generation. The name is part of tickets already issued. */
  series: z.string(),
  exp: z.int(),
});

/** Returns whether a token claims to be a ticket. Nothing is verified. */
export const isTicket = (token: string) => token.startsWith(TICKET_START);
/** Returns whether a `typ` declares a ticket, in any case (RFC 7519, section 5.1). */
export const isTicketType = (typ: unknown) => typeof typ === "string" && typ.toLowerCase() === TICKET_TYPE;

/**
 * Issues a ticket.
 * @param key The first of the `ticketKeys`.
 * @param expiresAt In seconds since 1970.
 */
export async function issueTicket(
  key: CryptoKey,
  { orderId, generation }: Grant,
  expiresAt: number,
): Promise<{ token: string; subject: string }> {
  const subject = `ticket:${crypto.randomUUID()}`;
  const claims = { sub: subject, aud: TICKET_AUDIENCE, order: orderId, series: generation, exp: expiresAt };
  const token = await new SignJWT(claims).setProtectedHeader(TICKET_HEADER).sign(key);
  return { token, subject };
}

/**
 * Verifies a ticket with one of the `ticketKeys`.
 * @throws jose's error when another key signed it, or when it has expired.
 */
export async function verifyTicket(
  token: string,
  key: CryptoKey,
  now: Date,
): Promise<Grant & { subject: string; expiresAt: number }> {
  const { payload } = await jwtVerify(token, key, {
    algorithms: [TICKET_HEADER.alg],
    typ: TICKET_TYPE,
    audience: TICKET_AUDIENCE,
    requiredClaims: ["exp"],
    currentDate: now,
  });
  const { sub, order, series, exp } = ticketClaims.parse(payload);
  return { subject: sub, orderId: order, generation: series, expiresAt: exp * 1000 };
}

/** One key per secret. */
export const ticketKeys = perConfig(({ jwt }) => Promise.all(jwt.secrets.map(deriveKey)));

/** Derives a ticket key from a secret by HKDF (RFC 5869). */
async function deriveKey(secret: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  const info = new TextEncoder().encode(KEY_PURPOSE);
  return crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info },
    material,
    { name: "HMAC", hash: "SHA-256", length: 256 },
    false,
    ["sign", "verify"],
  );
}
