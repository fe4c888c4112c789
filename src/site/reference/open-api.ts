import { openApiDocument } from "../../edge/documents/openapi.ts";
import { catalogueWith } from "../../protocol/catalogue.ts";
import type { SecurityScheme } from "./authentication.ts";
import type { Schema } from "./schema.ts";
import { nameIn } from "./text.ts";

/** What the page `/docs/api` shows of `/openapi.json`. */

interface Reference {
  $ref: string;
}

interface OperationObject {
  tags: string[];
  summary: string;
  description: string;
  parameters: Reference[];
  requestBody?: { description: string; content: Record<string, MediaTypeObject> };
  /** Alternatives, each a set of schemes required together. */
  security: Record<string, unknown>[];
  responses: Record<string, ResponseObject>;
}

/** An operation with its method and path. */
export interface Call extends OperationObject {
  method: string;
  path: string;
}

export interface ParameterObject {
  name: string;
  in: string;
  required?: boolean;
  description: string;
  schema: Schema;
  example?: string;
}

interface ResponseObject {
  description: string;
  content?: Record<string, MediaTypeObject>;
}

export interface MediaTypeObject {
  schema?: Schema;
  examples?: Record<string, { value: unknown }>;
}

interface OpenApi {
  info: { description: string };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, OperationObject>>;
  components: {
    schemas: Record<string, Schema>;
    parameters: Record<string, ParameterObject>;
    securitySchemes: Record<string, SecurityScheme>;
  };
}

// The document is plain JSON of this shape; tests validate it against OpenAPI's own schema.
export const OPEN_API = openApiDocument(catalogueWith([])) as unknown as OpenApi;

export const CALLS: Call[] = Object.entries(OPEN_API.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ ...operation, method: method.toUpperCase(), path })),
);

/** Returns the components that the references point to. */
export const resolved = <T>(references: Reference[], components: Record<string, T>): T[] =>
  references.flatMap(({ $ref }) => components[nameIn($ref)] ?? []);
