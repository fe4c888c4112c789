import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import { METHODS } from "hono/router";
import { configOf } from "../config/config.ts";
import { isOriginAllowed } from "./auth/origins.ts";
import type { HonoEnv } from "./context.ts";
import { answerError, Refusal } from "./errors.ts";
import { responseHeaders } from "./headers.ts";
import { disconnect } from "./routes/disconnect.ts";
import { asyncApi, cacheable, openApi } from "./routes/documents.ts";
import { health } from "./routes/health.ts";
import { metrics } from "./routes/metrics.ts";
import { createTicket, deleteOrder, getOrder, putOrder } from "./routes/orders.ts";
import { publishOrder, publishProducts } from "./routes/publish.ts";
import { publishBatch } from "./routes/publish-batch.ts";
import { orderSocket, productsSocket } from "./routes/sockets.ts";

/** Every route, and what runs before it. */
export const app = new Hono<HonoEnv>();

app.use(responseHeaders);

// Clients listen. Registered before the CORS middleware, because the headers of a 101 response cannot be changed.
app.get("/api/v1/ws/orders/:order_id", orderSocket);
app.get("/api/v1/ws/products", productsSocket);

// Everyone may read the documents. Cloudflare serves pages with the same content (`src/site/reference`).
app.get("/openapi.json", cacheable, openApi);
app.get("/asyncapi.json", cacheable, asyncApi);

// Non-browser callers send no Origin; skip CORS.
app.use((c, next) => {
  if (c.req.header("Origin") === undefined) return next();
  const config = configOf(c.env);
  const allowPages = cors({
    origin: (origin) => (isOriginAllowed(origin, c.req.url, config) ? origin : null),
    allowMethods: ["GET", "POST", "PUT", "DELETE"],
    allowHeaders: ["Authorization", "Content-Type", "Idempotency-Key", ...config.corsAllowHeaders],
    exposeHeaders: ["Retry-After", "X-Request-Id"],
    maxAge: 600,
  });
  return allowPages(c, next);
});

// Operators monitor.
app.get("/api/v1/ws/health", health);
app.get("/metrics", metrics);

// Services publish.
app.post("/api/v1/publish/orders/:order_id", publishOrder);
app.post("/api/v1/publish/products", publishProducts);
app.post("/api/v1/publish/batch", publishBatch);
app.post("/api/v1/disconnect", disconnect);

// Services register orders; owners read theirs.
app.put("/api/v1/orders/:order_id", putOrder);
app.get("/api/v1/orders/:order_id", getOrder);
app.delete("/api/v1/orders/:order_id", deleteOrder);

// Services issue tickets for guests.
app.post("/api/v1/orders/:order_id/tickets", createTicket);

app.notFound((c) => answerError(noRoute(c), c));
app.onError(answerError);

/** Returns 405 with `Allow` if the path exists for other methods (RFC 9110, section 15.5.6), else 404. */
function noRoute(c: Context): Refusal {
  const allowed = METHODS.map((method) => method.toUpperCase()).filter((method) => hasRoute(method, c.req.path));
  if (allowed.length === 0) return new Refusal("not_found", { detail: "GET /docs/api describes every call." });
  // Hono answers HEAD wherever it answers GET.
  if (allowed.includes("GET")) allowed.push("HEAD");
  return new Refusal("method_not_allowed", { headers: { Allow: allowed.join(", ") } });
}

function hasRoute(method: string, path: string): boolean {
  // Ignores middleware, which matches every method and path.
  return app.router.match(method, path)[0].some(([[, route]]) => route.method === method);
}
