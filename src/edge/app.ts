import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import { METHODS } from "hono/router";
import { configOf } from "../config/config.ts";
import type { Env } from "../config/env.ts";
import { isPageAllowed } from "./auth/policy.ts";
import { answerError, Refusal } from "./errors.ts";
import { answerHeaders } from "./headers.ts";
import { disconnect } from "./routes/disconnect.ts";
import { asyncApi, cacheable, docs, openApi } from "./routes/documents.ts";
import { health } from "./routes/health.ts";
import { metrics } from "./routes/metrics.ts";
import { deleteOrder, getOrder, putOrder } from "./routes/orders.ts";
import { publishBatch, publishOrder, publishProducts } from "./routes/publish.ts";
import { orderSocket, productsSocket } from "./routes/sockets.ts";
import { createTicket } from "./routes/tickets.ts";

export interface HonoEnv {
  Bindings: Env;
  Variables: {
    /** The name of the publish key that the request came with, as soon as that is known. */
    key?: string;
  };
}

/** The Worker's table of contents. */
export const app = new Hono<HonoEnv>();

app.use(answerHeaders);

// Browsers listen. Headers of a 101 answer cannot be changed, so sockets stay clear of the CORS middleware.
app.get("/api/v1/ws/orders/:order_id", orderSocket);
app.get("/api/v1/ws/products", productsSocket);

// Everybody reads.
app.get("/openapi.json", cacheable, openApi);
app.get("/asyncapi.json", cacheable, asyncApi);
app.get("/docs", cacheable, docs);

// Who is no page, as services are, needs none of it.
const allowPages = cors({
  origin: (origin, c: Context<HonoEnv>) => (isPageAllowed(origin, c.req.url, configOf(c.env)) ? origin : null),
  allowMethods: ["GET", "POST", "PUT", "DELETE"],
  allowHeaders: ["Authorization", "Content-Type", "Idempotency-Key"],
  exposeHeaders: ["Retry-After", "X-Request-Id"],
  maxAge: 600,
});
app.use((c, next) => (c.req.header("Origin") === undefined ? next() : allowPages(c, next)));

// Operators look.
app.get("/api/v1/ws/health", health);
app.get("/metrics", metrics);

// Services publish.
app.post("/api/v1/publish/orders/:order_id", publishOrder);
app.post("/api/v1/publish/products", publishProducts);
app.post("/api/v1/publish/batch", publishBatch);
app.post("/api/v1/disconnect", disconnect);

// Services say whose an order is; its owner may read it.
app.put("/api/v1/orders/:order_id", putOrder);
app.get("/api/v1/orders/:order_id", getOrder);
app.delete("/api/v1/orders/:order_id", deleteOrder);

// Services let guests listen to one order.
app.post("/api/v1/orders/:order_id/tickets", createTicket);

app.notFound((c) => answerError(noRoute(c), c));
app.onError(answerError);

/** A path that other methods have gets 405 and their names (RFC 9110, section 15.5.6); any other path 404. */
function noRoute(c: Context): Refusal {
  const allowed = METHODS.map((method) => method.toUpperCase()).filter((method) => hasRoute(method, c.req.path));
  if (allowed.length === 0) return new Refusal("not_found");
  // Hono answers HEAD wherever it answers GET.
  if (allowed.includes("GET")) allowed.push("HEAD");
  return new Refusal("method_not_allowed", { headers: { Allow: allowed.join(", ") } });
}

function hasRoute(method: string, path: string): boolean {
  // Middleware is registered for every method and path; it is no route.
  return app.router.match(method, path)[0].some(([[, route]]) => route.method === method);
}
