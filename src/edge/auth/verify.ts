import { errors, type JWTHeaderParameters, type JWTPayload, jwtVerify } from "jose";
import type { Identity } from "../../channels/contract.ts";
import type { Config } from "../../config/config.ts";
import { isHmac } from "../../config/credentials.ts";
import { findPublicKey } from "./jwks.ts";
import { isTicket, isTicketType, ticketKeyCount, verifyTicket } from "./ticket.ts";

export type Verified = { ok: true; identity: Identity } | { ok: false; fault: TokenFault };

/** What is wrong with a token: for logs and tests. `publicReason` tells the world less. */
export type TokenFault =
  | "missing"
  | "too_long"
  | "malformed"
  | "algorithm"
  /** No key of the JWKS is the one that it names. */
  | "unknown_key"
  /** No key of the JWKS as it is known is the one that it names, and it may not be asked for again yet. */
  | "key_not_known_yet"
  /** Nothing is wrong with it that anybody could tell: the JWKS cannot be had now. */
  | "keys_unavailable"
  | "signature"
  | "expired"
  | "not_yet_valid"
  | "claim";

/** Longer tokens are refused before anything parses them. */
export const MAX_TOKEN_LENGTH = 8192;
/** No alarm can be set beyond the year 2189; a token whose `exp` counts milliseconds says the year 58000. */
const LATEST_EXPIRY_MS = Date.UTC(2100);
/** A subject is kept with its socket, where there is little room. */
export const MAX_SUBJECT_LENGTH = 256;
/** Header, payload and signature (RFC 7515, section 3.1), and nothing that a lenient decoder would overlook. */
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Ends a verification from within, with its reason. */
class Fault extends Error {
  readonly fault: TokenFault;
  constructor(fault: TokenFault) {
    super(fault);
    this.fault = fault;
  }
}

/**
 * Verifies a user's token: signature by an algorithm of the list, `exp` and `sub` present, `nbf`, and issuer and
 * audience when they are configured (RFC 7519; RFC 8725 for the algorithm list). Or verifies a ticket. No clock
 * tolerance: a token ends when it says so. With several secrets, the first one that verifies it counts.
 */
export async function verifyToken(token: string | null, config: Config, now = new Date()): Promise<Verified> {
  if (!token) return { ok: false, fault: "missing" };
  if (token.length > MAX_TOKEN_LENGTH) return { ok: false, fault: "too_long" };
  if (!COMPACT_JWS.test(token)) return { ok: false, fault: "malformed" };
  const verify = isTicket(token) ? verifyGuest : verifyUser;
  let fault: TokenFault = "signature";
  // What the secrets cannot mend ends it at once.
  for (let index = 0; fault === "signature" && index < Math.max(config.jwt.secrets.length, 1); index++) {
    try {
      return { ok: true, identity: await verify(token, config, index, now) };
    } catch (error) {
      fault = faultOf(error);
    }
  }
  return { ok: false, fault };
}

async function verifyGuest(token: string, config: Config, secretIndex: number, now: Date): Promise<Identity> {
  if (ticketKeyCount(config) === 0) throw new Fault("unknown_key");
  const { generation, ...grant } = await verifyTicket(token, config, secretIndex, now);
  return { ...grant, ticketGeneration: generation, isAdmin: false };
}

async function verifyUser(token: string, config: Config, secretIndex: number, now: Date): Promise<Identity> {
  const { payload } = await jwtVerify(token, (header) => keyFor(header, config, secretIndex), {
    algorithms: config.jwt.algorithms,
    requiredClaims: ["exp", "sub"],
    currentDate: now,
    ...(config.jwt.issuer !== null && { issuer: config.jwt.issuer }),
    ...(config.jwt.audience !== null && { audience: config.jwt.audience }),
  });
  return identityOf(payload, config);
}

function identityOf(payload: JWTPayload, config: Config): Identity {
  const { sub, exp } = payload;
  // jose checks that they are there; what they are is checked here.
  if (typeof sub !== "string" || sub === "" || sub.length > MAX_SUBJECT_LENGTH || exp === undefined) {
    throw new Fault("claim");
  }
  const roles = [payload[config.roleClaim]].flat();
  const isAdmin = roles.some((role) => typeof role === "string" && config.adminRoles.has(role));
  return {
    subject: sub,
    isAdmin,
    expiresAt: Math.min(exp * 1000, LATEST_EXPIRY_MS),
    orderId: null,
    ticketGeneration: null,
  };
}

/**
 * The key for a token whose algorithm is on the list. The algorithm alone chooses between the secrets and the JWKS, so
 * no public key is ever used as a secret (RFC 8725, section 2.1), whatever the header says besides.
 */
async function keyFor({ alg, kid, typ }: JWTHeaderParameters, config: Config, secretIndex: number): Promise<CryptoKey> {
  if (isTicketType(typ)) throw new Fault("claim");
  if (isHmac(alg)) return hmacKey(config, alg, secretIndex);
  // Its public key has been tried already; there is no other.
  if (secretIndex > 0) throw new Fault("signature");
  if (config.jwt.jwksUrl === null) throw new Fault("unknown_key");
  const found = await findPublicKey(config.jwt.jwksUrl, config.jwt.algorithms, { alg, kid });
  if (found.ok) return found.key;
  throw new Fault(found.fault);
}

const hmacKeys = new WeakMap<Config, Map<string, CryptoKey>>();

/** A configured secret as a key for one algorithm, made once: importing it anew costs as much as verifying with it. */
async function hmacKey(config: Config, algorithm: string, secretIndex: number): Promise<CryptoKey> {
  const keys = hmacKeys.get(config) ?? new Map<string, CryptoKey>();
  hmacKeys.set(config, keys);
  const name = `${algorithm}/${secretIndex}`;
  let key = keys.get(name);
  if (!key) {
    const secret = config.jwt.secrets[secretIndex];
    if (!secret) throw new Fault("unknown_key");
    const hash = `SHA-${algorithm.slice("HS".length)}`;
    key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash }, false, ["verify"]);
    keys.set(name, key);
  }
  return key;
}

function faultOf(error: unknown): TokenFault {
  if (error instanceof Fault) return error.fault;
  if (error instanceof errors.JWTExpired) return "expired";
  if (error instanceof errors.JWTClaimValidationFailed) return error.claim === "nbf" ? "not_yet_valid" : "claim";
  if (error instanceof errors.JOSEAlgNotAllowed) return "algorithm";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "signature";
  return "malformed";
}

/** The public reason: whether the token is missing, ended or bad, or nobody can tell now, and no more. */
export function publicReason(fault: TokenFault) {
  switch (fault) {
    case "missing":
      return "unauthenticated";
    case "expired":
      return "token_expired";
    case "key_not_known_yet":
    case "keys_unavailable":
      return "unavailable";
    case "too_long":
    case "malformed":
    case "algorithm":
    case "unknown_key":
    case "signature":
    case "not_yet_valid":
    case "claim":
      return "token_invalid";
  }
}
