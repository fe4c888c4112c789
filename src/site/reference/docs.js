// Draws the document once Swagger UI is here; a page without scripts of its own needs a file for these lines.
globalThis.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  // Nothing of this service is told to anybody else's.
  validatorUrl: null,
});
