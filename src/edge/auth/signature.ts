import type { Config } from "../../config/config.ts";
import type { KnownService, Service } from "./keys.ts";

/**
 * Requests that are signed with a publish key instead of showing it (Standard Webhooks,
 * https://www.standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`, with the key's own bytes as the secret.
 * By WebCrypto, not by the library `standardwebhooks`, which hashes a megabyte in JavaScript for every key, wants text
 * where these are bytes, and tells its faults apart by sentences only. The tests sign with that library.
 */

/** How far a signature's time may be from now, either way, in whole seconds. */
const TOLERANCE_SECONDS = 5 * 60;
/** A signer that rotates its key sends a signature of each; more than a few is nonsense. */
const MAX_SIGNATURES = 8;
const SIGNATURE_VERSION = "v1";
const SHA256_BYTES = 32;

/** What the headers say; nothing of it is proved yet. */
export interface SignatureHeaders {
  id: string;
  /** As it was written, because it is part of what was signed. */
  timestamp: string;
  /** Those of version 1. */
  signatures: Uint8Array<ArrayBuffer>[];
}

/** Whether a request wants to be judged by a signature. */
export function isSigned({ headers }: Request): boolean {
  return headers.has("webhook-signature") || headers.has("webhook-timestamp") || headers.has("webhook-id");
}

/** Reads the headers and judges the time, before anybody reads a body. */
export function readSignature(
  { headers }: Request,
  now: number,
): { ok: true; signature: SignatureHeaders } | { ok: false; fault: "signature_malformed" | "timestamp" } {
  const id = headers.get("webhook-id") ?? "";
  const timestamp = headers.get("webhook-timestamp") ?? "";
  const texts = (headers.get("webhook-signature") ?? "").split(" ");
  const signatures = texts.flatMap((text) => decodeSignature(text) ?? []);
  const isWellFormed = id !== "" && /^[1-9]\d{0,11}$/.test(timestamp) && texts.length <= MAX_SIGNATURES;
  if (!isWellFormed || signatures.length === 0) return { ok: false, fault: "signature_malformed" };
  const distance = Math.abs(Math.floor(now / 1000) - Number(timestamp));
  if (distance > TOLERANCE_SECONDS) return { ok: false, fault: "timestamp" };
  return { ok: true, signature: { id, timestamp, signatures } };
}

/** Who signed: every key is tried against every signature, each in constant time, whether one was found or not. */
export async function findSigner(
  { id, timestamp, signatures }: SignatureHeaders,
  body: Uint8Array,
  config: Config,
): Promise<KnownService> {
  const signed = new Uint8Array(await new Blob([`${id}.${timestamp}.`, body]).arrayBuffer());
  const known = await hmacKeysOf(config);
  let found: Service | null = null;
  for (const { service, key } of known) {
    const expected = await crypto.subtle.sign("HMAC", key, signed);
    for (const signature of signatures) if (crypto.subtle.timingSafeEqual(expected, signature)) found = service;
  }
  return found ? { ok: true, service: found } : { ok: false, fault: "signature" };
}

/** `v1,<base64>`; null for what is none, or of another version. */
function decodeSignature(text: string): Uint8Array<ArrayBuffer> | null {
  const [version, base64 = "", ...more] = text.split(",");
  if (version !== SIGNATURE_VERSION || more.length > 0 || !/^[A-Za-z0-9+/]{43}=$/.test(base64)) return null;
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return bytes.length === SHA256_BYTES ? bytes : null;
}

interface HmacKey {
  service: Service;
  key: CryptoKey;
}
const knownKeys = new WeakMap<Config, HmacKey[]>();

async function hmacKeysOf(config: Config): Promise<HmacKey[]> {
  let keys = knownKeys.get(config);
  if (!keys) {
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    keys = await Promise.all(
      config.publishKeys.map(async ({ key, ...service }) => ({
        service,
        key: await crypto.subtle.importKey("raw", new TextEncoder().encode(key), algorithm, false, ["sign"]),
      })),
    );
    knownKeys.set(config, keys);
  }
  return keys;
}
