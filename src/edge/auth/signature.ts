import type { Config } from "../../config/config.ts";
import type { Service } from "./keys.ts";
import { perConfig } from "./per-config.ts";

/**
 * Requests that are signed with a publish key instead of presenting it (Standard Webhooks,
 * https://www.standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`, with the key's bytes as the secret.
 *
 * Uses WebCrypto rather than the `standardwebhooks` library, which hashes in JavaScript, takes text instead
 * of bytes, and reports failures only as sentences. The tests sign with that library.
 */

/** Maximum distance between a signature's timestamp and now, in either direction. */
const TOLERANCE_SECONDS = 5 * 60;
/** A sender that rotates its key sends one signature per key. */
const MAX_SIGNATURES = 8;
const SIGNATURE_VERSION = "v1";
/** 32 bytes: 43 characters and the padding. */
const SHA256_IN_BASE64 = /^[A-Za-z0-9+/]{43}=$/;

/** The parsed headers, not yet verified. */
export interface SignatureHeaders {
  id: string;
  /** Verbatim, because it is part of the signed text. */
  timestamp: string;
  /** The signatures of version 1. */
  signatures: Uint8Array<ArrayBuffer>[];
}

/** Returns whether a request has any signature header. */
export function isSigned({ headers }: Request): boolean {
  return headers.has("webhook-signature") || headers.has("webhook-timestamp") || headers.has("webhook-id");
}

/**
 * Parses the headers and checks the timestamp, before the body is read.
 * @param now Milliseconds since 1970.
 * @returns The headers, or why they are refused.
 */
export function readSignature(
  { headers }: Request,
  now: number,
): SignatureHeaders | "signature_malformed" | "timestamp" {
  const id = headers.get("webhook-id") ?? "";
  const timestamp = headers.get("webhook-timestamp") ?? "";
  const texts = (headers.get("webhook-signature") ?? "").split(" ");
  const signatures = texts.flatMap((text) => decodeSignature(text) ?? []);
  const isWellFormed = id !== "" && /^[1-9]\d{0,11}$/.test(timestamp) && texts.length <= MAX_SIGNATURES;
  if (!isWellFormed || signatures.length === 0) return "signature_malformed";
  const distance = Math.abs(Math.floor(now / 1000) - Number(timestamp));
  return distance > TOLERANCE_SECONDS ? "timestamp" : { id, timestamp, signatures };
}

/** Finds the service whose key signed, or null. Compares every key with every signature, in constant time. */
export async function findSigner(
  { id, timestamp, signatures }: SignatureHeaders,
  body: Uint8Array,
  config: Config,
): Promise<Service | null> {
  const signed = new Uint8Array(await new Blob([`${id}.${timestamp}.`, body]).arrayBuffer());
  let found: Service | null = null;
  for (const { service, key } of await signingKeys(config)) {
    const expected = await crypto.subtle.sign("HMAC", key, signed);
    for (const signature of signatures) if (crypto.subtle.timingSafeEqual(expected, signature)) found = service;
  }
  return found;
}

/** Decodes `v1,<base64>`. Returns null for anything else, other versions included. */
function decodeSignature(text: string): Uint8Array<ArrayBuffer> | null {
  const [version, base64 = "", ...more] = text.split(",");
  if (version !== SIGNATURE_VERSION || more.length > 0 || !SHA256_IN_BASE64.test(base64)) return null;
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

const signingKeys = perConfig(({ publishKeys }) =>
  Promise.all(
    publishKeys.map(async ({ key, ...service }) => {
      const bytes = new TextEncoder().encode(key);
      const algorithm = { name: "HMAC", hash: "SHA-256" };
      return { service, key: await crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign"]) };
    }),
  ),
);
