import { jwtVerify, SignJWT } from "jose";
import * as z from "zod";
import type { Config } from "../../config/config.ts";

/**
 * Tickets: tokens of our own, each good for listening to one order. They are signed with keys derived from
 * `JWT_SECRET`, so whoever signs users' tokens with that secret, and whatever claims a user can put into one, makes no
 * ticket; and a ticket verifies with no key of users' tokens.
 */

/** The `typ` of a ticket (RFC 8725, section 3.11). */
const TICKET_TYPE = "tidings-ticket+jwt";
const TICKET_AUDIENCE = "tidings-ticket";
const TICKET_HEADER = { alg: "HS256", typ: TICKET_TYPE } as const;
/** Changes when keys have to be others, and ends every ticket. */
const KEY_PURPOSE = "tidings ticket 1";
/** Nobody else makes tickets, so that all of them begin alike. */
const TICKET_START = `${btoa(JSON.stringify(TICKET_HEADER)).replace(/=+$/, "")}.`;

/** What a ticket is good for. */
export interface Grant {
  orderId: string;
  /** The order's own word for the tickets that it lets in; it changes when the order gets another owner. */
  generation: string;
}

const ticketClaims = z.object({
  sub: z.string().startsWith("ticket:").max(64),
  order: z.string(),
  series: z.string(),
  exp: z.int(),
});

export const isTicket = (token: string) => token.startsWith(TICKET_START);
/** Whether a token says that it is a ticket, however it says so. */
export const isTicketType = (typ: unknown) => typeof typ === "string" && typ.toLowerCase() === TICKET_TYPE;

/**
 * Makes a ticket, signed with the first secret.
 * @param expiresAt In seconds since 1970.
 * @returns null when there is no `JWT_SECRET`.
 */
export async function mintTicket(
  config: Config,
  { orderId, generation }: Grant,
  expiresAt: number,
): Promise<{ token: string; subject: string } | null> {
  const [key] = await ticketKeys(config);
  if (!key) return null;
  const subject = `ticket:${crypto.randomUUID()}`;
  const token = await new SignJWT({
    sub: subject,
    aud: TICKET_AUDIENCE,
    order: orderId,
    series: generation,
    exp: expiresAt,
  })
    .setProtectedHeader(TICKET_HEADER)
    .sign(key);
  return { token, subject };
}

/** How many keys there are to try. */
export const ticketKeyCount = (config: Config) => config.jwt.secrets.length;

/**
 * Verifies a ticket with one of the keys.
 * @throws what jose does when the signature is not that key's, or the ticket has ended.
 */
export async function verifyTicket(
  token: string,
  config: Config,
  keyIndex: number,
  now: Date,
): Promise<Grant & { subject: string; expiresAt: number }> {
  const key = (await ticketKeys(config))[keyIndex];
  if (!key) throw new TypeError("there is no such key");
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

const knownKeys = new WeakMap<Config, CryptoKey[]>();

/** One key a secret, by HKDF (RFC 5869). */
async function ticketKeys(config: Config): Promise<CryptoKey[]> {
  let keys = knownKeys.get(config);
  if (!keys) {
    keys = await Promise.all(config.jwt.secrets.map(deriveKey));
    knownKeys.set(config, keys);
  }
  return keys;
}

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
