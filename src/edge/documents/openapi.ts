import type { Catalogue } from "../../protocol/catalogue.ts";
import type { ChannelKind } from "../../protocol/names.ts";
import { type HttpRefusal, problem, REFUSALS } from "../../protocol/refusals.ts";
import { ACCESS, SECURITY_SCHEMES } from "./access.ts";
import { httpSchemas } from "./http-schemas.ts";
import { componentSchemas, type Json, type JsonObject, schemaRef } from "./json-schema.ts";
import { OPERATIONS, type Operation, PARAMETERS, TAGS } from "./operations.ts";
import { ABOUT_HTTP, API_VERSION, LICENSE, TITLE } from "./prose.ts";

const PROBLEM_TYPE = "application/problem+json";

/** Refusals of every call except static documents. */
const ANY_CALL: HttpRefusal[] = ["internal_error", "misconfigured", "unavailable"];
const ANY_BODY: HttpRefusal[] = [
  "malformed_json",
  "body_too_large",
  "unsupported_media_type",
  "unsupported_encoding",
  "validation_failed",
];

/** Response headers, and the statuses that carry them. */
const RESPONSE_HEADERS: Record<string, { isOn: (status: number) => boolean; description: string; schema: JsonObject }> =
  {
    "WWW-Authenticate": {
      isOn: (status) => status === 401,
      description: "`Bearer`",
      schema: { type: "string" },
    },
    Allow: {
      isOn: (status) => status === 405,
      description: "The methods that the path supports.",
      schema: { type: "string" },
    },
    "Accept-Encoding": {
      isOn: (status) => status === 415,
      description: "`identity`, when the body had a content coding.",
      schema: { type: "string" },
    },
    "X-Request-Id": {
      isOn: (status) => status !== 101,
      description: "The id of the call in the service's log.",
      schema: { type: "string" },
    },
    "Retry-After": {
      isOn: (status) => status === 429 || status === 503,
      description: "How long to wait before repeating the call, in seconds.",
      schema: { type: "integer" },
    },
  };

/** Returns the HTTP API as OpenAPI 3.1. */
export function openApiDocument(catalogue: Catalogue): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const [call, operation] of Object.entries(OPERATIONS)) {
    const [method = "", path = ""] = call.split(" ");
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationObject(operation, path, catalogue) };
  }
  return {
    openapi: "3.1.0",
    info: { title: TITLE, version: API_VERSION, description: ABOUT_HTTP, license: LICENSE },
    servers: [{ url: "/", description: "This service" }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: componentSchemas(httpSchemas(catalogue), "draft-2020-12"),
      parameters: PARAMETERS,
      responses: problemResponses(),
      headers: Object.fromEntries(
        Object.entries(RESPONSE_HEADERS).map(([name, { description, schema }]) => [name, { description, schema }]),
      ),
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}

function operationObject(operation: Operation, path: string, catalogue: Catalogue): JsonObject {
  const { tag, id, summary, description, body } = operation;
  const { security } = ACCESS[operation.access];
  const inPath = path.includes("{order_id}") ? (["order_id"] as const) : [];
  return {
    tags: [tag],
    operationId: id,
    summary,
    ...(description && { description }),
    parameters: [...inPath, ...(operation.parameters ?? [])].map((name) => ref("parameters", name)),
    ...(body && {
      requestBody: {
        required: true,
        description: `At most ${body.maxBytes} bytes.`,
        content: {
          "application/json": {
            schema: schemaRef(body.schema),
            examples: bodyExamples(body.examples, catalogue),
          },
        },
      },
    }),
    security: security.map((schemes) => Object.fromEntries(schemes.map((scheme) => [scheme, []]))),
    responses: { ...answers(operation), ...refusals(refusalsOf(operation, path)) },
  };
}

function bodyExamples(examples: Record<string, Json> | ChannelKind, catalogue: Catalogue): JsonObject {
  if (typeof examples === "object") {
    return Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }]));
  }
  const events = [...catalogue].filter(([, { channel }]) => channel === examples);
  return Object.fromEntries(
    events.map(([type, { example }]) => [type, { value: { type, data: example as JsonObject } }]),
  );
}

function answers(operation: Operation): JsonObject {
  return Object.fromEntries(
    Object.entries(operation.answers).map(([status, { description, schema, example, mediaType }]) => {
      const isEmpty = status === "101" || status === "204";
      const content = { ...(schema && { schema: schemaRef(schema) }), ...(example !== undefined && { example }) };
      return [
        status,
        {
          description,
          ...withHeaders(Number(status)),
          ...(!isEmpty && { content: { [mediaType ?? "application/json"]: content } }),
        },
      ];
    }),
  );
}

/** Returns every refusal of a call: its own, and those implied by its access, path and body. */
function refusalsOf({ tag, access, body, refusals = [] }: Operation, path: string): HttpRefusal[] {
  const hasOrderId = path.includes("{order_id}") && access !== "listener";
  return [
    ...ACCESS[access].refusals,
    ...(hasOrderId ? (["invalid_order_id"] as const) : []),
    ...(body ? ANY_BODY : []),
    ...refusals,
    ...(tag === "Documents" ? [] : ANY_CALL),
  ];
}

/** Returns the refusals by status. Reasons that share a status become its examples. */
function refusals(reasons: HttpRefusal[]): JsonObject {
  const byStatus = Map.groupBy(reasons, (reason) => REFUSALS[reason].status);
  return Object.fromEntries(
    [...byStatus].map(([status, [reason, ...more]]) => {
      if (reason === undefined || more.length === 0) return [String(status), ref("responses", String(reason))];
      return [String(status), problemResponse([reason, ...more])];
    }),
  );
}

function problemResponses(): JsonObject {
  const reasons = (Object.keys(REFUSALS) as HttpRefusal[]).filter((reason) => REFUSALS[reason].status !== null);
  return Object.fromEntries(reasons.map((reason) => [reason, problemResponse([reason])]));
}

/** Returns a response that is one of the problems. */
function problemResponse(reasons: [HttpRefusal, ...HttpRefusal[]]): JsonObject {
  const example = (reason: HttpRefusal): JsonObject => {
    const { type, title, status } = problem(reason);
    return { type, title, status, ...PROBLEM_DETAILS[reason] };
  };
  const types = reasons.map((reason) => problem(reason).type);
  const { status } = REFUSALS[reasons[0]];
  return {
    description: reasons.map((reason) => REFUSALS[reason].title).join("; "),
    ...withHeaders(status),
    content: {
      [PROBLEM_TYPE]: {
        schema: {
          allOf: [schemaRef("problem"), { properties: { type: { enum: types }, status: { const: status } } }],
        },
        examples: Object.fromEntries(reasons.map((reason) => [reason, { value: example(reason) }])),
      },
    },
  };
}

/** Further fields in examples of problems. */
const PROBLEM_DETAILS: Partial<Record<HttpRefusal, JsonObject>> = {
  validation_failed: { errors: [{ field: "data.new_quantity", message: "Too small: expected number to be >=0" }] },
  invalid_order_id: { errors: [{ field: "order_id", message: "must be a UUID" }] },
};

function withHeaders(status: number): JsonObject {
  const names = Object.entries(RESPONSE_HEADERS).filter(([, { isOn }]) => isOn(status));
  if (names.length === 0) return {};
  return { headers: Object.fromEntries(names.map(([name]) => [name, ref("headers", name)])) };
}

const ref = (kind: "parameters" | "responses" | "headers", name: string): { [key: string]: Json } => ({
  $ref: `#/components/${kind}/${name}`,
});
