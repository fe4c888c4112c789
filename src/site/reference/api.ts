import { ACCESS, CALL_SCHEMES } from "../../edge/documents/access.ts";
import { type BodyName, bodiesOf } from "../../edge/documents/bodies.ts";
import { componentSchemas } from "../../edge/documents/json-schema.ts";
import { sharedSchemas } from "../../edge/documents/messages.ts";
import { examplesOf, parametersOf, refusalsOf } from "../../edge/documents/openapi.ts";
import { OPERATIONS, type Operation, PARAMETERS, TAGS } from "../../edge/documents/operations.ts";
import { ABOUT_HTTP, sizeText } from "../../edge/documents/prose.ts";
import { REFUSALS } from "../../protocol/refusals.ts";
import { anchorOf } from "../manual/chapters.ts";
import { fieldTable, linkTo, type Schema, STANDARD_CATALOGUE, typeOf } from "./schema.ts";
import { authenticationTable, codeBlock, joinBlocks, jsonBlock, splitDescription, table } from "./text.ts";

/** The page `/docs/api`, as Markdown: the calls of `/openapi.json` first, then its schemas. */

const STANDARD_BODIES = bodiesOf(STANDARD_CATALOGUE);
// zod's output is plain JSON Schema; tests validate `/openapi.json` against OpenAPI's own schema.
const STANDARD_SCHEMAS = componentSchemas(
  { ...STANDARD_BODIES, ...sharedSchemas(STANDARD_CATALOGUE) },
  "draft-2020-12",
) as Record<BodyName, Schema>;

export function apiPage(): string {
  const { intro, sections } = splitDescription(ABOUT_HTTP);
  const calls = Object.entries(OPERATIONS);
  return joinBlocks(
    "# API reference",
    intro,
    "Event types of your own (`EXTRA_EVENTS`) are in your deployment's `/openapi.json`, not on this page.",
    "In the commands, `$URL` is the service's address, such as `http://localhost:8000`, and `$PUBLISH_KEY` is a key of `PUBLISH_KEYS`, without its name.",
    table(
      ["call", "what it does"],
      calls.map(([call, { summary }]) => [`\`${call}\``, `[${summary}](#${anchorOf(summary)})`]),
    ),
    ...Object.entries(TAGS).flatMap(([name, description]) => [
      `## ${name}`,
      description,
      ...calls.filter(([, { tag }]) => tag === name).map(callSection),
    ]),
    "## Authentication",
    authenticationTable(CALL_SCHEMES),
    sections,
    "## Schemas",
    ...Object.entries(STANDARD_SCHEMAS).map(([name, schema]) =>
      joinBlocks(`### \`${name}\``, schema.description ?? "", fieldTable(schema)),
    ),
  );
}

function callSection([call, operation]: [call: string, Operation]): string {
  const [method = "", path = ""] = call.split(" ");
  const ways = ACCESS[operation.access].map((scheme) => (scheme === "none" ? scheme : `\`${scheme}\``));
  return joinBlocks(
    `### ${operation.summary}`,
    `\`${call}\``,
    operation.description ?? "",
    `[Authentication](#authentication): ${ways.join(", or ")}.`,
    codeBlock("sh", curlCommand(method, path, operation)),
    ...parameterBlocks(path, operation),
    ...bodyBlocks(operation),
    ...answerBlocks(path, operation),
  );
}

/** Returns a call with its first example, for a shell in which `URL` and `PUBLISH_KEY` are set, as in the manual. */
function curlCommand(method: string, path: string, { access, body }: Operation): string {
  const target = path.replace("{order_id}", PARAMETERS.order_id.example);
  const parts = [`curl ${method === "GET" ? "" : `-X ${method} `}"$URL${target}"`];
  if (access !== "anyone") parts.push('-H "Authorization: Bearer $PUBLISH_KEY"');
  if (body !== undefined) {
    const [example] = Object.values(STANDARD_BODIES[body.name].examples);
    parts.push('-H "Content-Type: application/json"', `-d ${quoted(example)}`);
  }
  return parts.join(" \\\n  ");
}

/** Returns JSON as one word of a shell, indented like the lines before. */
const quoted = (value: unknown): string =>
  `'${JSON.stringify(value, null, 2).replaceAll("'", "'\\''").replaceAll("\n", "\n  ")}'`;

function parameterBlocks(path: string, operation: Operation): string[] {
  const parameters = parametersOf(path, operation).map((name) => PARAMETERS[name]);
  if (parameters.length === 0) return [];
  const rows = parameters.map((parameter) => [
    `\`${parameter.name}\``,
    parameter.in,
    typeOf(parameter.schema) + ("required" in parameter ? "" : ", optional"),
    parameter.description,
  ]);
  return ["#### Parameters", table(["name", "in", "type", "meaning"], rows)];
}

function bodyBlocks({ body }: Operation): string[] {
  if (body === undefined) return [];
  // The first one is in the call.
  const [, ...more] = Object.values(STANDARD_BODIES[body.name].examples).map((example) => JSON.stringify(example));
  return [
    "#### Body",
    `At most ${sizeText(body.maxBytes)}.`,
    fieldTable(STANDARD_SCHEMAS[body.name]),
    ...(more.length === 0 ? [] : ["Other examples:", codeBlock("json", more.join("\n"))]),
  ];
}

/** Returns a table of the answers with a row for each problem, then examples of the successful answers. */
function answerBlocks(path: string, operation: Operation): string[] {
  const answers = Object.entries(operation.answers);
  const rows = [
    ...answers.map(([status, [description, body]]) => [
      status,
      body === undefined ? (operation.mediaType ?? "") : linkTo(body),
      description,
    ]),
    ...refusalsOf(path, operation)
      .toSorted((a, b) => REFUSALS[a].status - REFUSALS[b].status)
      .map((reason) => [String(REFUSALS[reason].status), `\`${reason}\``, REFUSALS[reason].title]),
  ];
  const examples = answers.flatMap(([status, answer]) =>
    Object.values(examplesOf(answer, STANDARD_BODIES)).flatMap((example) => [
      `Example of a ${status}:`,
      jsonBlock(example),
    ]),
  );
  return ["#### Answers", table(["status", "body or problem", "meaning"], rows), ...examples];
}
