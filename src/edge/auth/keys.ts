import type { Config } from "../../config/config.ts";
import type { Scope } from "../../config/credentials.ts";
import { Refusal } from "../errors.ts";
import { bearerToken } from "./credentials.ts";

/** A service that has shown a publish key, or signed with one. */
export interface Service {
  /** The key's name. */
  name: string;
  scopes: ReadonlySet<Scope>;
}

export type KnownService = { ok: true; service: Service } | { ok: false; fault: KeyFault };

/** What is wrong with a service's credential: for logs and tests. `KeyRefusal` tells the caller. */
export type KeyFault = keyof typeof DETAILS;

const SEND_KEY = "Send `Authorization: Bearer <publish key>`.";
const DETAILS = {
  /** Neither a key nor a signature. */
  missing: SEND_KEY,
  /** No key is the one that came. */
  unknown: SEND_KEY,
  /** A signature's headers are not all there, or not as Standard Webhooks has them. */
  signature_malformed: "webhook-id, webhook-timestamp (seconds) and webhook-signature (v1,<base64>) go together.",
  /** Signed too long ago, or in the future. */
  timestamp: "webhook-timestamp is more than five minutes from now.",
  /** No key has signed this body. */
  signature: "No publish key has signed this id, timestamp and body.",
  /** Signed, for a call that a signature does not bind. */
  unsignable: `A signature says nothing of the method and path, so it is taken for publishing alone. ${SEND_KEY}`,
  /** Signed, and the body does not name the order of the path. */
  unbound: "A signature says nothing of the path, so a signed body has to name its order in `data.order_id`.",
  /** A good key, for other things. */
  scope: "This publish key is good for other things.",
} as const;

/** What a service without the right scope is told. */
export const scopeDetail = (scope: Scope) => `This publish key lacks the scope \`${scope}\`.`;

/** A service is refused for its credential: every such refusal is one of these. */
export class KeyRefusal extends Refusal {
  constructor(fault: KeyFault, detail: string = DETAILS[fault]) {
    super(fault === "scope" ? "access_denied" : "key_invalid", { detail, fault: `key_${fault}` });
  }
}

/** @throws {KeyRefusal} 403 when the service's key is not good for it. */
export function requireScope(service: Service, scope: Scope): void {
  if (!service.scopes.has(scope)) throw new KeyRefusal("scope", scopeDetail(scope));
}

/**
 * Whose publish key a request brings in `Authorization: Bearer`. Digests are compared, in constant time and all of
 * them, so that neither a key's length nor its place in the list can be measured.
 */
export async function findService(request: Request, config: Config): Promise<KnownService> {
  const given = bearerToken(request);
  if (given === null) return { ok: false, fault: "missing" };
  const [digest, known] = await Promise.all([sha256(given), digestsOf(config)]);
  let found: Service | null = null;
  for (const { service, digest: other } of known) if (crypto.subtle.timingSafeEqual(digest, other)) found = service;
  return found ? { ok: true, service: found } : { ok: false, fault: "unknown" };
}

interface KeyDigest {
  service: Service;
  digest: ArrayBuffer;
}
/** Values, not promises: a promise belongs to the request that made it, and is lost with that. */
const knownDigests = new WeakMap<Config, KeyDigest[]>();

async function digestsOf(config: Config): Promise<KeyDigest[]> {
  let digests = knownDigests.get(config);
  if (!digests) {
    digests = await Promise.all(
      config.publishKeys.map(async ({ key, ...service }) => ({ service, digest: await sha256(key) })),
    );
    knownDigests.set(config, digests);
  }
  return digests;
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
