// Renders /openapi.json. A separate file, because the page's content security policy forbids inline scripts.
globalThis.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  // No requests to Swagger's online validator.
  validatorUrl: null,
});
