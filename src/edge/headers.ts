import type { Context, Next } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { requestIdOf } from "./observe.ts";

/** Nothing of an answer is to be run, framed or sniffed; a page of ours brings a policy of its own. */
const HEADERS = {
  contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  xFrameOptions: "DENY",
  // For requests without CORS, images and scripts among them. Who may read is CORS' matter and stays so.
  crossOriginResourcePolicy: "same-origin",
  strictTransportSecurity: "max-age=31536000",
  // For browsers and plug-ins that are gone.
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
  originAgentCluster: false,
  // A route's own header counts.
  overwrite: false,
};

const onHttps = secureHeaders(HEADERS);
/** It must not be said over http (RFC 6797, section 7.2). */
const onHttp = secureHeaders({ ...HEADERS, strictTransportSecurity: false });

/**
 * Every HTTP answer gets its security headers, refusals too, says what it is called in the log, and is kept by no cache unless its route says otherwise.
 * A 101 is left as it is: its headers cannot be changed.
 */
export async function answerHeaders(c: Context, next: Next): Promise<void> {
  await next();
  if (c.res.status === 101) return;
  c.res.headers.set("X-Request-Id", requestIdOf(c));
  if (!c.res.headers.has("Cache-Control")) c.res.headers.set("Cache-Control", "no-store");
  await (c.req.url.startsWith("https:") ? onHttps : onHttp)(c, async () => {});
}
