import { TITLE } from "./prose.ts";

/**
 * The page of `GET /docs/api`. It renders `/openapi.json` with Swagger UI, which the platform serves from `/docs-ui/` as
 * static files (built by `src/site/build.ts`).
 */
export const DOCS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${TITLE} API reference</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs-ui/swagger-ui.css">
<link rel="stylesheet" href="/docs-ui/docs.css">
</head>
<body>
<header>
<a href="/docs">${TITLE}</a>
<nav><a href="/openapi.json">OpenAPI</a> <a href="/asyncapi.json">AsyncAPI</a></nav>
</header>
<main id="docs"><noscript>This page needs JavaScript. Its content is also in <a href="/openapi.json">openapi.json</a>.</noscript></main>
<script src="/docs-ui/swagger-ui-bundle.js"></script>
<script src="/docs-ui/docs.js"></script>
</body>
</html>
`;

/** Allows resources of this service only, and no inline scripts. */
export const DOCS_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  // Swagger UI sets styles through the DOM, which does not need 'unsafe-inline'.
  "style-src 'self'",
  // Swagger UI's style sheet embeds its icons.
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");
