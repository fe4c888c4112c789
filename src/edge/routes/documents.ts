import type { Context } from "hono";
import { etag } from "hono/etag";
import { readConfig } from "../../config/config.ts";
import type { Env } from "../../config/env.ts";
import { catalogueWith } from "../../protocol/catalogue.ts";
import type { HonoEnv } from "../context.ts";
import { asyncApiDocument } from "../documents/asyncapi.ts";
import type { JsonObject } from "../documents/json-schema.ts";
import { openApiDocument } from "../documents/openapi.ts";

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

/** Builds a document on its first request and caches it: most isolates never serve one. */
function json(build: typeof openApiDocument): (c: Context<HonoEnv>) => Response {
  const texts = new WeakMap<Env, string>();
  return (c) => {
    const text = texts.get(c.env) ?? JSON.stringify(documentFor(c.env, build));
    texts.set(c.env, text);
    return c.body(text, 200, { "Content-Type": "application/json", ...PUBLIC_HEADERS });
  };
}

/** Returns a document. While the service is misconfigured, it lacks what the settings would add. */
function documentFor(env: Env, build: typeof openApiDocument): JsonObject {
  const result = readConfig(env);
  return result.ok ? build(result.config.catalogue, result.config.contactUrl) : build(catalogueWith([]));
}
