import type { Context, Next } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { requestIdOf } from "./context.ts";

/** No response may be executed, framed or sniffed. Static pages have headers of their own (`src/site/build.ts`). */
const SECURITY_HEADERS = {
  contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  xFrameOptions: "DENY",
  // Blocks other sites' requests without CORS, such as images and scripts. CORS governs the rest.
  crossOriginResourcePolicy: "same-origin",
  strictTransportSecurity: "max-age=31536000",
  // These concern HTML pages, obsolete browsers and plug-ins only.
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
  originAgentCluster: false,
};

const onHttps = secureHeaders(SECURITY_HEADERS);
/** HSTS must not be sent over HTTP (RFC 6797, section 7.2). */
const onHttp = secureHeaders({ ...SECURITY_HEADERS, strictTransportSecurity: false });

/**
 * Adds the security headers and `X-Request-Id` to every HTTP response, errors included, and forbids caching unless the
 * route allows it. The headers of a 101 response cannot be changed.
 */
export async function responseHeaders(c: Context, next: Next): Promise<void> {
  await next();
  if (c.res.status === 101) return;
  c.res.headers.set("X-Request-Id", requestIdOf(c));
  if (!c.res.headers.has("Cache-Control")) c.res.headers.set("Cache-Control", "no-store");
  await (c.req.url.startsWith("https:") ? onHttps : onHttp)(c, async () => {});
}
