import type { Config } from "../../config.ts";
import { bearerToken } from "./credentials.ts";

/**
 * Whether a page may connect. Browsers always send `Origin` on a WebSocket handshake (RFC 6455, section 10.2), so a
 * request without one comes from no browser and is judged by its token alone.
 */
export function isOriginAllowed(request: Request, config: Config): boolean {
  const origin = request.headers.get("Origin");
  return origin === null || isPageAllowed(origin, request.url, config);
}

/** Whether pages of an origin may use the service at `url`: those of the list, and the service's own. */
export function isPageAllowed(origin: string, url: string, config: Config): boolean {
  return (
    config.corsOrigins.has("*") ||
    config.corsOrigins.has(origin.toLowerCase()) ||
    new URL(url).origin === origin.toLowerCase()
  );
}

/**
 * The name of the publish key a request brings in `Authorization: Bearer`, or null. Digests are compared, in constant
 * time and all of them, so that neither a key's length nor its place in the list can be measured.
 */
export async function publishKeyName(request: Request, config: Config): Promise<string | null> {
  const given = bearerToken(request);
  if (given === null) return null;
  const [digest, known] = await Promise.all([sha256(given), digestsOf(config)]);
  let found: string | null = null;
  for (const key of known) if (crypto.subtle.timingSafeEqual(digest, key.digest)) found = key.name;
  return found;
}

interface KeyDigest {
  name: string;
  digest: ArrayBuffer;
}
/** Values, not promises: a promise belongs to the request that made it, and is lost with that. */
const knownDigests = new WeakMap<Config, KeyDigest[]>();

async function digestsOf(config: Config): Promise<KeyDigest[]> {
  let digests = knownDigests.get(config);
  if (!digests) {
    digests = await Promise.all(config.publishKeys.map(async ({ name, key }) => ({ name, digest: await sha256(key) })));
    knownDigests.set(config, digests);
  }
  return digests;
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
