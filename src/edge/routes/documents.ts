import type { Context } from "hono";
import { etag } from "hono/etag";
import { asyncApiDocument } from "../documents/asyncapi.ts";
import type { JsonObject } from "../documents/json-schema.ts";
import { openApiDocument } from "../documents/openapi.ts";
import { DOCS_PAGE, DOCS_POLICY } from "../documents/page.ts";

/** How long a reader may keep a document before it asks again, in seconds. */
const MAX_AGE_SECONDS = 300;

/** A document is the same for everybody, so pages of any origin may read it, and asking again costs no body. */
export const cacheable = etag({ retainedHeaders: ["Access-Control-Allow-Origin", "Cache-Control", "ETag"] });
const OPEN_TO_ALL = {
  "Access-Control-Allow-Origin": "*",
  "Cache-Control": `public, max-age=${MAX_AGE_SECONDS}`,
};

/** `GET /openapi.json`: the HTTP calls, as OpenAPI 3.1. */
export const openApi = json(openApiDocument);

/** `GET /asyncapi.json`: the sockets, as AsyncAPI 3.0. */
export const asyncApi = json(asyncApiDocument);

/** `GET /docs`: a page to read. */
export function docs(c: Context): Response {
  return c.html(DOCS_PAGE, 200, { ...OPEN_TO_ALL, "Content-Security-Policy": DOCS_POLICY });
}

/** Made when somebody first asks, and kept: most Workers never need it. */
function json(make: () => JsonObject): (c: Context) => Response {
  let text: string | undefined;
  return (c) => {
    text ??= JSON.stringify(make());
    return c.body(text, 200, { "Content-Type": "application/json", ...OPEN_TO_ALL });
  };
}
