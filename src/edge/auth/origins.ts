import type { Config } from "../../config/config.ts";

/**
 * Returns whether a handshake's origin is allowed. Browsers always send `Origin` with a WebSocket handshake (RFC 6455,
 * section 10.2). Other clients need not send one; only their token decides.
 */
export function isHandshakeAllowed(request: Request, config: Config): boolean {
  const origin = request.headers.get("Origin");
  return origin === null || isOriginAllowed(origin, request.url, config);
}

/** One label of a host name. */
const LABEL = /^[a-z0-9_-]{1,63}$/;

/** Returns whether pages of an origin may call the service at `url`: if it is configured, or the service's own. */
export function isOriginAllowed(origin: string, url: string, { corsOrigins }: Config): boolean {
  const text = origin.toLowerCase();
  return (
    corsOrigins.any ||
    corsOrigins.exact.has(text) ||
    corsOrigins.wildcards.some(
      ({ start, end }) =>
        text.startsWith(start) && text.endsWith(end) && LABEL.test(text.slice(start.length, -end.length)),
    ) ||
    // Null when the `Host` header makes no URL.
    URL.parse(url)?.origin === text
  );
}
