import type { Config } from "../../config/config.ts";

/**
 * Returns whether a handshake's origin is allowed. Browsers always send `Origin` with a WebSocket handshake (RFC 6455,
 * section 10.2); a request without one comes from another kind of client, and its token alone decides.
 */
export function isOriginAllowed(request: Request, config: Config): boolean {
  const origin = request.headers.get("Origin");
  return origin === null || isPageAllowed(origin, request.url, config);
}

/** Returns whether pages of an origin may call the service at `url`: listed origins and the service's own. */
export function isPageAllowed(origin: string, url: string, config: Config): boolean {
  return (
    config.corsOrigins.has("*") ||
    config.corsOrigins.has(origin.toLowerCase()) ||
    // Null when the `Host` header makes no URL.
    URL.parse(url)?.origin === origin.toLowerCase()
  );
}
