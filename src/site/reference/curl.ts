import { type Call, OPEN_API, resolved } from "./open-api.ts";

/** Returns a call with its first example, for a shell in which `URL` and `PUBLISH_KEY` are set, as in the manual. */
export function curlCommand({ method, path, parameters, requestBody, security }: Call): string {
  const examples = resolved(parameters, OPEN_API.components.parameters).map(({ name, example }) => [name, example]);
  const target = examples.reduce((text, [name, example]) => text.replace(`{${name}}`, `${example}`), path);
  const [example] = Object.values(requestBody?.content["application/json"]?.examples ?? {});
  const [{ publish_key: key } = {}] = security;
  const parts = [
    `curl ${method === "GET" ? "" : `-X ${method} `}"$URL${target}"`,
    ...(key === undefined ? [] : ['-H "Authorization: Bearer $PUBLISH_KEY"']),
    ...(example === undefined ? [] : ['-H "Content-Type: application/json"', `-d ${quoted(example.value)}`]),
  ];
  return parts.join(" \\\n  ");
}

/** Returns JSON as one word of a shell, indented like the lines before. */
const quoted = (value: unknown): string =>
  `'${JSON.stringify(value, null, 2).replaceAll("'", "'\\''").replaceAll("\n", "\n  ")}'`;
