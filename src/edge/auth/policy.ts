import type { Config } from "../../config/config.ts";

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
