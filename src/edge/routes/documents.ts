import type { Context } from "hono";
import { etag } from "hono/etag";
import { asyncApiDocument } from "../documents/asyncapi.ts";
import type { JsonObject } from "../documents/json-schema.ts";
import { openApiDocument } from "../documents/openapi.ts";
import { DOCS_PAGE, DOCS_POLICY } from "../documents/page.ts";

/** How long a client may cache a document without revalidating it. */
const MAX_AGE_SECONDS = 300;

/** Answers a conditional request for an unchanged document with 304. */
export const cacheable = etag({ retainedHeaders: ["Access-Control-Allow-Origin", "Cache-Control", "ETag"] });
/** Documents are public and the same for everyone, so pages of any origin may read them. */
const PUBLIC_HEADERS = {
  "Access-Control-Allow-Origin": "*",
  "Cache-Control": `public, max-age=${MAX_AGE_SECONDS}`,
};

/** `GET /openapi.json`: the HTTP API as OpenAPI 3.1. */
export const openApi = json(openApiDocument);

/** `GET /asyncapi.json`: the WebSockets as AsyncAPI 3.0. */
export const asyncApi = json(asyncApiDocument);

/** `GET /docs`: the API reference as a page. */
export function docs(c: Context): Response {
  return c.html(DOCS_PAGE, 200, { ...PUBLIC_HEADERS, "Content-Security-Policy": DOCS_POLICY });
}

/** Builds a document on its first request and caches it: most isolates never serve one. */
function json(build: () => JsonObject): (c: Context) => Response {
  let text: string | undefined;
  return (c) => {
    text ??= JSON.stringify(build());
    return c.body(text, 200, { "Content-Type": "application/json", ...PUBLIC_HEADERS });
  };
}
