import type { Config } from "../../config/config.ts";

/**
 * Returns whether a handshake's origin is allowed. Browsers always send `Origin` with a WebSocket handshake (RFC 6455,
 * section 10.2). Other clients need not, and only their token decides.
 */
export function isHandshakeAllowed(request: Request, config: Config): boolean {
  const origin = request.headers.get("Origin");
  return origin === null || isOriginAllowed(origin, request.url, config);
}

/** Returns whether pages of an origin may call the service at `url`: if it is configured, or the service's own. */
export function isOriginAllowed(origin: string, url: string, config: Config): boolean {
  return (
    config.corsOrigins.has("*") ||
    config.corsOrigins.has(origin.toLowerCase()) ||
    // Null when the `Host` header makes no URL.
    URL.parse(url)?.origin === origin.toLowerCase()
  );
}
