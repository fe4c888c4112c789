import { anchorOf } from "../manual/chapters.ts";
import { authenticationTable } from "./authentication.ts";
import { curlCommand } from "./curl.ts";
import { CALLS, type Call, type MediaTypeObject, OPEN_API, type ParameterObject, resolved } from "./open-api.ts";
import { fieldTable, linkTo, typeOf } from "./schema.ts";
import { codeBlock, joinBlocks, jsonBlock, nameIn, splitDescription, table } from "./text.ts";

/** The page `/docs/api`, as Markdown: the calls first, then the schemas. */

export function apiPage(): string {
  const { intro, sections } = splitDescription(OPEN_API.info.description);
  return joinBlocks(
    "# API reference",
    intro,
    "Event types of your own (`EXTRA_EVENTS`) are in your deployment's `/openapi.json`, not on this page.",
    "In the commands, `$URL` is the service's address, such as `http://localhost:8000`, and `$PUBLISH_KEY` is a key of `PUBLISH_KEYS`, without its name.",
    table(
      ["call", "what it does"],
      CALLS.map(({ method, path, summary }) => [`\`${method} ${path}\``, `[${summary}](#${anchorOf(summary)})`]),
    ),
    ...OPEN_API.tags.flatMap(({ name, description }) => [
      `## ${name}`,
      description,
      ...CALLS.filter((call) => call.tags.includes(name)).map(callSection),
    ]),
    "## Authentication",
    authenticationTable(OPEN_API.components.securitySchemes),
    sections,
    "## Schemas",
    ...Object.entries(OPEN_API.components.schemas).map(([name, schema]) =>
      joinBlocks(`### \`${name}\``, schema.description ?? "", fieldTable(schema)),
    ),
  );
}

function callSection(call: Call): string {
  const ways = call.security.map(
    (schemes) =>
      Object.keys(schemes)
        .map((name) => `\`${name}\``)
        .join(" and ") || "none",
  );
  return joinBlocks(
    `### ${call.summary}`,
    `\`${call.method} ${call.path}\``,
    call.description,
    `[Authentication](#authentication): ${ways.join(", or ")}.`,
    codeBlock("sh", curlCommand(call)),
    ...parameterBlocks(resolved(call.parameters, OPEN_API.components.parameters)),
    ...bodyBlocks(call),
    ...answerBlocks(call),
  );
}

function parameterBlocks(parameters: ParameterObject[]): string[] {
  if (parameters.length === 0) return [];
  const rows = parameters.map(({ name, in: place, required, schema, description }) => [
    `\`${name}\``,
    place,
    typeOf(schema) + (required ? "" : ", optional"),
    description,
  ]);
  return ["#### Parameters", table(["name", "in", "type", "meaning"], rows)];
}

function bodyBlocks({ requestBody }: Call): string[] {
  const { schema, examples = {} } = requestBody?.content["application/json"] ?? {};
  if (requestBody === undefined || schema?.$ref === undefined) return [];
  // The first one is in the call.
  const [, ...more] = Object.values(examples).map(({ value }) => JSON.stringify(value));
  return [
    "#### Body",
    requestBody.description,
    ...resolved([{ $ref: schema.$ref }], OPEN_API.components.schemas).map(fieldTable),
    ...(more.length === 0 ? [] : ["Other examples:", codeBlock("json", more.join("\n"))]),
  ];
}

/** Returns a table of the answers with a row for each problem, then examples of the successful answers. */
function answerBlocks({ responses }: Call): string[] {
  const examples: string[] = [];
  const rows = Object.entries(responses).flatMap(([status, { description, content: contents = {} }]) => {
    const [[mediaType = "", content = {}] = []] = Object.entries(contents);
    if (mediaType === "application/problem+json") return problemRows(status, content);
    examples.push(
      ...Object.values(content.examples ?? {}).flatMap(({ value }) => [`Example of a ${status}:`, jsonBlock(value)]),
    );
    const body = content.schema?.$ref === undefined ? mediaType : linkTo(nameIn(content.schema.$ref));
    return [[status, body, description]];
  });
  return ["#### Answers", table(["status", "body or problem", "meaning"], rows), ...examples];
}

/** The examples of a problem's answer are named by their codes. */
const problemRows = (status: string, { examples = {} }: MediaTypeObject): string[][] =>
  Object.entries(examples).map(([reason, { value }]) => [status, `\`${reason}\``, (value as { title: string }).title]);
