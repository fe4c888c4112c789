import { TITLE } from "./prose.ts";

/**
 * `GET /docs`. The page draws `/openapi.json` with Swagger UI, whose files the platform serves from `/docs-ui/`
 * (`src/site/build.ts` puts them there).
 */
export const DOCS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${TITLE}: the HTTP calls and the sockets</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs-ui/swagger-ui.css">
<link rel="stylesheet" href="/docs-ui/docs.css">
</head>
<body>
<header>
<a href="/docs">${TITLE}</a>
<nav><a href="/openapi.json">OpenAPI</a> <a href="/asyncapi.json">AsyncAPI</a></nav>
</header>
<main id="docs"><noscript>This page needs JavaScript. What it shows is in <a href="/openapi.json">openapi.json</a>.</noscript></main>
<script src="/docs-ui/swagger-ui-bundle.js"></script>
<script src="/docs-ui/docs.js"></script>
</body>
</html>
`;

/** Everything is the service's own: no script in the page itself, nothing from elsewhere. */
export const DOCS_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  // Swagger UI sets styles through the DOM, which needs no 'unsafe-inline'.
  "style-src 'self'",
  // Swagger UI's style sheet has its icons in itself.
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");
