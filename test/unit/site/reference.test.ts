import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asyncApiDocument } from "../../../src/edge/documents/asyncapi.ts";
import { openApiDocument } from "../../../src/edge/documents/openapi.ts";
import { catalogueWith } from "../../../src/protocol/catalogue.ts";
import { ALL_CLOSE_CODES, CLOSE_CODES } from "../../../src/protocol/close-codes.ts";
import { CLOSE_NAMES } from "../../../src/protocol/close-rules.ts";
import { EXAMPLE_ORDER } from "../../../src/protocol/events.ts";
import { REFUSALS } from "../../../src/protocol/refusals.ts";
import { apiPage } from "../../../src/site/reference/api.ts";
import { eventsPage } from "../../../src/site/reference/events.ts";
import { fieldTable, type Schema, typeOf } from "../../../src/site/reference/schema.ts";
import { callService } from "../../support/node-client.ts";
import { PUBLISH_KEY } from "../../support/test-env.ts";
import { startTidings, type Workerd } from "../../support/workerd.ts";

/** The pages `/docs/api` and `/docs/events`, as Markdown. */

const api = apiPage();
const events = eventsPage();
const catalogue = catalogueWith([]);

/** Returns a section by its heading, without those after it. */
const section = (page: string, heading: string) => page.split(`\n### ${heading}\n`)[1]?.split(/\n#{2,3} /)[0] ?? "";

/** Returns the code blocks of a language. */
const codeIn = (text: string, language: string) =>
  [...text.matchAll(/^```(\w*)\n([\s\S]*?)\n```$/gm)].flatMap(([, of, code = ""]) => (of === language ? [code] : []));

describe("the API reference", () => {
  const { paths, components } = openApiDocument(catalogue) as unknown as {
    paths: Record<string, Record<string, { summary: string; responses: object }>>;
    components: { schemas: Record<string, unknown> };
  };
  const calls = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, name: `${method.toUpperCase()} ${path}` })),
  );

  test("has every call with each of its answers, before the schemas", () => {
    expect(calls.length).toBeGreaterThan(8);
    for (const { name, summary, responses } of calls) {
      const text = section(api, summary);
      expect(text.startsWith(`\n\`${name}\``), name).toBe(true);
      for (const status of Object.keys(responses)) expect(text, name).toContain(`| ${status} | `);
      expect(api.indexOf(text)).toBeLessThan(api.indexOf("\n## Schemas\n"));
    }
  });

  test("has every schema", () => {
    for (const name of Object.keys(components.schemas)) expect(section(api, `\`${name}\``), name).not.toBe("");
  });

  test("names every problem", () => {
    const named = Object.entries(REFUSALS).filter(([, { status }]) => status !== null);
    for (const [reason] of named) expect(api).toMatch(new RegExp(`\`(urn:tidings:problem:)?${reason}\``));
  });

  describe("its commands", () => {
    let service: Workerd;
    beforeAll(async () => {
      service = await startTidings();
    });
    afterAll(() => service.stop());

    test.each(calls)("$name succeeds as it is printed", async ({ summary }) => {
      const order = { user_id: "alice", status: "pending", payment_status: "pending" };
      await callService(service.url, "PUT", `orders/${EXAMPLE_ORDER}`, order);
      const commands = codeIn(section(api, summary), "sh");
      expect(commands).toHaveLength(1);
      const env = { ...process.env, URL: service.url, PUBLISH_KEY };
      const args = ["-c", `${commands[0]} --fail-with-body --silent --show-error`];
      await promisify(execFile)("sh", args, { env });
    });
  });
});

describe("the events reference", () => {
  const { channels, components } = asyncApiDocument(catalogue) as unknown as {
    channels: Record<string, { address: string; messages: object }>;
    components: { messages: Record<string, { summary: string; examples: { payload: unknown }[] }> };
  };

  test("has every message with an example, and links to it from its channels", () => {
    for (const [name, { summary, examples }] of Object.entries(components.messages)) {
      const text = section(events, `\`${name}\``);
      expect(text, name).toContain(summary);
      const payload = examples[0]?.payload;
      const event = catalogue.get(name);
      const shown = event === undefined ? payload : { type: name, data: event.example };
      if (typeof payload === "string") expect(codeIn(text, "")).toEqual([payload]);
      else expect(codeIn(text, "json").map((code) => JSON.parse(code))).toEqual([shown]);
    }
    for (const { address, messages } of Object.values(channels)) {
      const [, channel = ""] = events.split(`\n\`${address}\`\n`);
      for (const name of Object.keys(messages)) expect(channel).toContain(`[\`${name}\`](#`);
    }
  });

  test("has a table of the close codes", () => {
    for (const code of ALL_CLOSE_CODES) {
      const row = `^\\| ${code} \\| \`${CLOSE_NAMES[code]}\` \\| .*${CLOSE_CODES[code].remedy.slice(0, 9)}`;
      expect(events).toMatch(new RegExp(row, "m"));
    }
  });

  test("shows the fields of an event's data in the message itself", () => {
    expect(section(events, "`order_shipped`")).toContain(
      "| `data.carrier` | string (at most 256 characters) or null, optional |",
    );
  });

  test.each([
    ["Order events", "data.order_id"],
    ["Product events", "data.product_id"],
  ])("states the fields that all %s have once", (heading, id) => {
    const [, text = ""] = events.split(`\n## ${heading}\n`);
    for (const field of [id, "data.timestamp", "id", "seq", "ts"]) {
      expect(text.split(/\n## /)[0]?.split(`| \`${field}\` |`), field).toHaveLength(2);
    }
  });
});

describe("a schema's type", () => {
  test.each<[Schema, string]>([
    [{ type: "string", minLength: 1, maxLength: 64 }, "string (1 to 64 characters)"],
    [{ type: "string", minLength: 1000, maxLength: 30_000 }, "string (1,000 to 30,000 characters)"],
    [{ type: "array", minItems: 1, maxItems: 1000 }, "array (1 to 1,000 items)"],
    [{ type: "array", minItems: 1 }, "array (at least 1 item)"],
    [{ type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER }, "integer (at least 0)"],
    [{ type: ["string", "null"] }, "string or null"],
    [
      { type: "array", maxItems: 5, items: { $ref: "#/components/schemas/a.b" } },
      "array (at most 5 items) of [`a.b`](#ab)",
    ],
    [{ type: "object", additionalProperties: { type: "integer" } }, "object of integer"],
    [{ type: "object", additionalProperties: {} }, "object"],
    [{ enum: ["0", "1"] }, '`"0"` or `"1"`'],
    [{}, "any value"],
  ])("%j is %s", (schema, text) => expect(typeOf(schema)).toBe(text));

  test("with fields is a table, in which pipes are escaped", () => {
    const inner: Schema = { properties: { b: { type: "string", pattern: "x|y" } }, required: ["b"] };
    const table = fieldTable({ properties: { a: { type: "array", items: inner } } });
    expect(table).toBe("| field | type |\n| --- | --- |\n| `a` | array, optional |\n| `a[].b` | string (`x\\|y`) |");
  });
});
