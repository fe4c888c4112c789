import type { Context, Next } from "hono";
import { requestIdOf } from "./context.ts";

/** No response may be executed, framed or sniffed. Static pages have headers of their own (`src/site/build.ts`). */
const SECURITY_HEADERS = {
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "no-referrer",
  // Blocks other sites' requests without CORS, such as images and scripts. CORS governs the rest.
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cross-Origin-Opener-Policy": "same-origin",
};

/**
 * Adds the security headers and `X-Request-Id` to every HTTP response, errors included, and forbids caching unless the
 * route allows it. The headers of a 101 response cannot be changed.
 */
export async function responseHeaders(c: Context, next: Next): Promise<void> {
  await next();
  if (c.res.status === 101) return;
  const { headers } = c.res;
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) headers.set(name, value);
  // Must not be sent over HTTP (RFC 6797, section 7.2).
  if (c.req.url.startsWith("https:")) headers.set("Strict-Transport-Security", "max-age=31536000");
  headers.set("X-Request-Id", requestIdOf(c));
  if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
}
