import type { Config } from "../../config/config.ts";
import type { Scope } from "../../config/credentials.ts";
import { PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import type { HttpRefusal } from "../../protocol/refusals.ts";
import { Refusal } from "../errors.ts";
import { API_KEY_HEADER } from "./credentials.ts";
import { perConfig } from "./per-config.ts";

/** A service that presented a publish key or signed with one. */
export interface Service {
  /** The key's name. */
  name: string;
  scopes: ReadonlySet<Scope>;
}

/** Why a service's credential was refused, in detail: the log and the metrics record it as `key_<reason>`. */
export type KeyReason = keyof typeof DETAILS;

const SEND_KEY = `Send \`Authorization: Bearer <publish key>\` or \`${API_KEY_HEADER}: <publish key>\`.`;
/** The `detail` that the caller receives for each reason. */
const DETAILS = {
  /** Neither a key nor a signature. */
  missing: SEND_KEY,
  /** Matches no configured key. */
  unknown: SEND_KEY,
  /** Signature headers are missing or malformed (Standard Webhooks). */
  signature_malformed:
    "webhook-id, webhook-timestamp (seconds) and webhook-signature (v1,<base64>) are required together.",
  /** Signed too long ago, or too far in the future. */
  timestamp: "webhook-timestamp is more than five minutes in the past or the future.",
  /** Signed with no configured key. */
  signature: "No publish key produced this signature of the id, timestamp and body.",
  /** Signed, on a route that does not accept signatures. */
  unsignable: `A signature does not cover the method and path, so only publish calls accept one. ${SEND_KEY}`,
  /** Signed, and the body does not name the order in the path. */
  unbound: "A signature does not cover the path, so a signed body must name its order in `data.order_id`.",
  /** `X-API-Key` beside another credential. */
  several: `Send one credential: Authorization, ${API_KEY_HEADER}, or a signature.`,
  /** `X-API-Key` from a browser. */
  page: `${API_KEY_HEADER} is for services. A page must not hold a publish key.`,
} as const;

/** Returns the scope that publishing to a channel requires. */
export const scopeOf = (channel: string): Scope => (channel === PRODUCTS_CHANNEL ? "products" : "orders");

/** Returns the `detail` for a service whose key lacks a scope. */
export const scopeDetail = (scope: Scope) => `This publish key lacks the scope \`${scope}\`.`;

/** The refusals that are not 401. */
const OTHER_REFUSALS: Partial<Record<KeyReason, HttpRefusal>> = {
  page: "access_denied",
  several: "credentials_ambiguous",
};

/** Refuses a service's credential, with the `detail` of the reason. */
export class KeyRefusal extends Refusal {
  constructor(reason: KeyReason) {
    const detail = DETAILS[reason];
    super(OTHER_REFUSALS[reason] ?? "key_invalid", { detail, credential: { reason: `key_${reason}` } });
  }
}

/** @throws {Refusal} 403 when the service's key lacks the scope. */
export function requireScope(service: Service, scope: Scope): void {
  if (service.scopes.has(scope)) return;
  throw new Refusal("access_denied", { detail: scopeDetail(scope), credential: { reason: "key_scope" } });
}

/**
 * Finds the service that a publish key belongs to, or null. Compares digests, in constant time and all of them, so that
 * timing reveals neither a key's length nor its place in the list.
 */
export async function findService(key: string, config: Config): Promise<Service | null> {
  const [digest, known] = await Promise.all([sha256(key), keyDigests(config)]);
  let found: Service | null = null;
  for (const { service, digest: other } of known) if (crypto.subtle.timingSafeEqual(digest, other)) found = service;
  return found;
}

const keyDigests = perConfig(({ publishKeys }) =>
  Promise.all(publishKeys.map(async ({ key, ...service }) => ({ service, digest: await sha256(key) }))),
);

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
