import type { Catalogue } from "../../protocol/catalogue.ts";
import { type HttpRefusal, problem, REFUSALS } from "../../protocol/refusals.ts";
import { ACCESS, accessRefusals, CALL_SCHEMES } from "./access.ts";
import { type BodyName, bodiesOf, problemExample } from "./bodies.ts";
import { componentSchemas, type Json, type JsonObject, schemaRef } from "./json-schema.ts";
import { sharedSchemas } from "./messages.ts";
import { type DocumentedAnswer, OPERATIONS, type Operation, PARAMETERS, TAGS } from "./operations.ts";
import { ABOUT_HTTP, infoOf, sizeText } from "./prose.ts";

const PROBLEM_TYPE = "application/problem+json";

/** Refusals of every call. */
const ANY_CALL: HttpRefusal[] = ["internal_error", "misconfigured", "unavailable"];
const ANY_BODY: HttpRefusal[] = [
  "malformed_json",
  "body_too_large",
  "unsupported_media_type",
  "unsupported_encoding",
  "validation_failed",
];

/** @param statuses The statuses whose responses carry the header; null for all responses. */
const header = (statuses: number[] | null, description: string, type = "string") => ({
  statuses,
  object: { description, schema: { type } },
});
const RESPONSE_HEADERS = Object.entries({
  "WWW-Authenticate": header([401], "`Bearer`"),
  "Accept-Encoding": header([415], "`identity`, when the body had a content coding."),
  "Retry-After": header([429, 503], "How long to wait before repeating the call, in seconds.", "integer"),
  "X-Request-Id": header(null, "The id of the call in the service's log."),
});

type Bodies = ReturnType<typeof bodiesOf>;

/** Returns the HTTP API as OpenAPI 3.1. @param contactUrl As in `infoOf`. */
export function openApiDocument(catalogue: Catalogue, contactUrl: string | null = null): JsonObject {
  const bodies = bodiesOf(catalogue);
  const paths: Record<string, JsonObject> = {};
  for (const [call, operation] of Object.entries(OPERATIONS)) {
    const [method = "", path = ""] = call.split(" ");
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationObject(operation, path, bodies) };
  }
  return {
    openapi: "3.1.0",
    info: infoOf(ABOUT_HTTP, contactUrl),
    servers: [{ url: "/", description: "This service" }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: componentSchemas({ ...bodies, ...sharedSchemas(catalogue) }, "draft-2020-12"),
      parameters: PARAMETERS,
      headers: Object.fromEntries(RESPONSE_HEADERS.map(([name, { object }]) => [name, object])),
      securitySchemes: CALL_SCHEMES,
    },
  };
}

function operationObject(operation: Operation, path: string, bodies: Bodies): JsonObject {
  const { tag, id, summary, description, access, body } = operation;
  return {
    tags: [tag],
    operationId: id,
    summary,
    ...(description && { description }),
    parameters: parametersOf(path, operation).map((name) => ref("parameters", name)),
    ...(body && {
      requestBody: {
        required: true,
        description: `At most ${sizeText(body.maxBytes)}.`,
        content: { "application/json": content(body.name, bodies[body.name].examples) },
      },
    }),
    security: ACCESS[access].map((scheme) => (scheme === "none" ? {} : { [scheme]: [] })),
    responses: { ...answers(operation, bodies), ...refusals(refusalsOf(path, operation)) },
  };
}

/** Returns the names of a call's parameters: the one in its path, and its own. */
export const parametersOf = (path: string, { parameters = [] }: Operation) =>
  path.includes("{order_id}") ? ["order_id" as const, ...parameters] : parameters;

/** Returns a body's schema with examples. */
function content(name: BodyName, examples: JsonObject): JsonObject {
  const named = Object.entries(examples).map(([example, value]) => [example, { value }]);
  return { schema: schemaRef(name), examples: Object.fromEntries(named) };
}

/** Returns an answer's examples by name. */
export function examplesOf([, body, onlyExample]: DocumentedAnswer, bodies: Bodies): JsonObject {
  const examples = body === undefined ? [] : Object.entries(bodies[body].examples);
  return Object.fromEntries(examples.filter(([name]) => onlyExample === undefined || name === onlyExample));
}

function answers({ answers, mediaType = "application/json" }: Operation, bodies: Bodies): JsonObject {
  return Object.fromEntries(
    Object.entries(answers).map(([status, answer]) => {
      const [description, body] = answer;
      const inJson = body ? content(body, examplesOf(answer, bodies)) : {};
      const described = status === "204" ? {} : { content: { [mediaType]: inJson } };
      return [status, { description, ...withHeaders(Number(status)), ...described }];
    }),
  );
}

/** Returns every refusal of a call: its own, and those implied by its access, path and body. */
export function refusalsOf(path: string, { access, body, refusals = [] }: Operation): HttpRefusal[] {
  return [
    ...accessRefusals(access),
    ...(path.includes("{order_id}") ? (["invalid_order_id"] as const) : []),
    ...(body ? ANY_BODY : []),
    ...refusals,
    ...ANY_CALL,
  ];
}

/** Returns the refusals by status. Reasons that share a status become its examples. */
function refusals(reasons: HttpRefusal[]): JsonObject {
  const byStatus = Map.groupBy(reasons, (reason) => REFUSALS[reason].status);
  return Object.fromEntries([...byStatus].map(([status, reasons]) => [status, problemResponse(status, reasons)]));
}

/** Returns a response that is one of the problems. */
function problemResponse(status: number, reasons: HttpRefusal[]): JsonObject {
  const types = reasons.map((reason) => problem(reason).type);
  return {
    description: reasons.map((reason) => REFUSALS[reason].title).join("; "),
    ...withHeaders(status),
    content: {
      [PROBLEM_TYPE]: {
        schema: {
          allOf: [schemaRef("problem"), { properties: { type: { enum: types }, status: { const: status } } }],
        },
        examples: Object.fromEntries(reasons.map((reason) => [reason, { value: problemExample(reason) }])),
      },
    },
  };
}

function withHeaders(status: number): JsonObject {
  const carried = RESPONSE_HEADERS.filter(([, { statuses }]) => statuses?.includes(status) ?? true);
  return { headers: Object.fromEntries(carried.map(([name]) => [name, ref("headers", name)])) };
}

const ref = (kind: "parameters" | "headers", name: string): { [key: string]: Json } => ({
  $ref: `#/components/${kind}/${name}`,
});
