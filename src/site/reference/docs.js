// Renders /openapi.json. In a file of its own because the page's content security policy forbids inline scripts.
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
