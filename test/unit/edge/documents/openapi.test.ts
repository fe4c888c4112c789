import { validate } from "@readme/openapi-parser";
import { describe, expect, test } from "vitest";
import { openApiDocument } from "../../../../src/edge/documents/openapi.ts";
import { catalogueWith } from "../../../../src/protocol/catalogue.ts";
import { MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES } from "../../../../src/protocol/publish.ts";
import { REFUSALS } from "../../../../src/protocol/refusals.ts";
import { schemaChecker, step } from "../../../support/schema-checker.ts";

const catalogue = catalogueWith([
  { channel: "order", type: "order_refunded", changesStatus: true },
  // Names that other schemas have, with a prefix or a suffix.
  { channel: "order", type: "batch", changesStatus: false },
  { channel: "products", type: "stock_reserved", changesStatus: false },
]);
const document = openApiDocument(catalogue);
const text = JSON.stringify(document);
const check = schemaChecker(document, "draft-2020-12");

/** Yields every object in the document with its JSON pointer. */
function* walk(value: unknown, place = ""): Generator<[string, Record<string, unknown>]> {
  if (typeof value !== "object" || value === null) return;
  yield [place, value as Record<string, unknown>];
  for (const [name, item] of Object.entries(value)) yield* walk(item, place + step(name));
}

test("is valid OpenAPI", async () => {
  // A copy, because the parser modifies its input.
  const result = await validate(JSON.parse(text));
  expect(result).toMatchObject({ valid: true, warnings: [] });
});

test("has what common linters ask for", () => {
  const { info, paths } = document as unknown as {
    info: unknown;
    paths: Record<string, Record<string, { responses: Record<string, unknown> }>>;
  };
  expect(info).toMatchObject({ license: { url: expect.any(String) } });
  for (const operation of Object.values(paths).flatMap((methods) => Object.values(methods))) {
    expect(operation).toMatchObject({ summary: expect.any(String), description: expect.stringContaining(" ") });
    expect(Object.keys(operation.responses).join()).toMatch(/^2.*,4/);
  }
});

test("says that a credential is required only where a call without one is refused for it", () => {
  const isDocumented = (path: string) =>
    JSON.stringify((document.paths as Record<string, { get?: unknown }>)[path]?.get).includes(":unauthenticated");
  expect(isDocumented("/api/v1/orders/{order_id}")).toBe(true);
  expect(isDocumented("/api/v1/ws/health")).toBe(false);
});

test("has no component that nothing refers to", () => {
  const components = document.components as Record<string, Record<string, unknown>>;
  const { securitySchemes: _, ...referred } = components;
  const all = Object.entries(referred).flatMap(([kind, parts]) =>
    Object.keys(parts).map((name) => `#/components/${kind}/${name}`),
  );
  expect(all.length).toBeGreaterThan(20);
  expect(all.filter((reference) => !text.includes(JSON.stringify(reference)))).toEqual([]);
});

describe("has", () => {
  test("every event, with its example and its schema", () => {
    for (const [type, { example, summary }] of catalogue) {
      expect(text).toContain(JSON.stringify({ type, data: example }));
      expect(document).toHaveProperty(["components", "schemas", `${type}.publish`, "description"], summary);
    }
  });

  test("every problem with its status and title", () => {
    // These concern paths and methods that are no call, so the text about errors has them.
    const withoutCall = ["not_found", "method_not_allowed", "upgrade_required"];
    for (const [reason, { status, title }] of Object.entries(REFUSALS)) {
      if (status === null) continue;
      const type = `urn:tidings:problem:${reason}`;
      const example = JSON.stringify({ type, title, status }).slice(1, -1);
      expect(text).toContain(withoutCall.includes(reason) ? type : example);
    }
  });

  test("the limits' numbers", () => {
    for (const bytes of [MAX_EVENT_BYTES, MAX_BATCH_BYTES])
      expect(text).toContain(`(${bytes.toLocaleString("en")} bytes)`);
    expect(document).toHaveProperty("components.schemas.publish_batch.properties.events.maxItems", MAX_BATCH_EVENTS);
  });
});

test("every example matches its schema", () => {
  let count = 0;
  for (const [place, { schema, example, examples }] of walk(document)) {
    if (schema === undefined) continue;
    const values = examples ? Object.values(examples).map(({ value }) => value) : [example];
    for (const value of values.filter((value) => value !== undefined)) {
      expect(check(`${place}/schema`, value), place).toEqual([]);
      count += 1;
    }
  }
  expect(count).toBeGreaterThan(50);
});

test("the schema rejects what the service rejects", () => {
  const publish = "/components/schemas/publish_product_event";
  expect(check(publish, { type: "inventory_updated", data: { product_id: "p", new_quantity: 5, more: true } })).toEqual(
    [],
  );
  for (const wrong of [
    { type: "inventory_updated", data: { product_id: "p", new_quantity: -5 } },
    { type: "inventory_updated", data: { new_quantity: 5 } },
    { type: "order_shipped", data: {} },
    { type: "product_deleted", data: { product_id: "p" }, more: true },
    { type: "product_deleted", data: { product_id: "p" }, id: "two words" },
    { type: "product_deleted", data: { product_id: "p", timestamp: "yesterday" } },
  ]) {
    expect(check(publish, wrong), JSON.stringify(wrong)).not.toEqual([]);
  }
});
