import { Parser } from "@asyncapi/parser";
import { expect, test } from "vitest";
import { asyncApiDocument } from "../../../../src/edge/documents/asyncapi.ts";
import { catalogueWith } from "../../../../src/protocol/catalogue.ts";
import { clientMessage } from "../../../../src/protocol/client-messages.ts";
import { CLOSE_CODES } from "../../../../src/protocol/close-codes.ts";
import { schemaChecker } from "../../../support/schema-checker.ts";

const catalogue = catalogueWith([
  { channel: "order", type: "order_refunded", changesStatus: true },
  { channel: "order", type: "batch", changesStatus: false },
  { channel: "products", type: "stock_reserved", changesStatus: false },
]);
const document = asyncApiDocument(catalogue);
const check = schemaChecker(document, "draft-7");
const { channels, components } = document as unknown as {
  channels: Record<string, { messages: Record<string, unknown> }>;
  components: { messages: Record<string, { payload: unknown; examples: { payload: unknown }[] }> };
};

test("is valid AsyncAPI", async () => {
  const { document: parsed, diagnostics } = await new Parser().parse(JSON.stringify(document));
  expect(parsed).toBeDefined();
  // Ignores the hint that 3.1 exists: common tools read 3.0.
  expect(diagnostics.filter(({ code }) => code !== "asyncapi-latest-version")).toEqual([]);
});

test("every schema has a name that no other has", async () => {
  const { document: parsed } = await new Parser().parse(JSON.stringify(document));
  // Parameters of a channel have names, but the parser makes schemas of them that have none.
  const names =
    parsed
      ?.allSchemas()
      .all()
      .flatMap((schema) => schema.id() ?? []) ?? [];
  expect(names.length).toBeGreaterThan(200);
  expect(names.filter((name, i) => name.includes("anonymous") || names.indexOf(name) !== i)).toEqual([]);
});

test("has what common linters ask for", () => {
  const { info, operations } = document as unknown as {
    info: { license: unknown; tags: unknown[] };
    operations: Record<string, unknown>;
  };
  expect(info).toMatchObject({
    license: { url: expect.any(String) },
  });
  for (const described of [...info.tags, ...Object.values(operations)]) {
    expect(described).toMatchObject({ description: expect.stringContaining(" ") });
  }
});

test("each socket has its events and every message that a client may send", () => {
  for (const [type, { channel }] of catalogue) {
    for (const socket of ["order", "products"]) {
      expect(type in (channels[socket]?.messages ?? {}), `${type} on ${socket}`).toBe(socket === channel);
    }
  }
  for (const { shape } of clientMessage.options) {
    expect(channels.products?.messages).toHaveProperty(shape.type.value);
  }
});

test("every close code has a row with its meaning and remedy", () => {
  const { description } = document.info as { description: string };
  for (const [code, { meaning, remedy }] of Object.entries(CLOSE_CODES)) {
    const [row] = new RegExp(`^\\| ${code} .*$`, "m").exec(description) ?? [];
    expect(row).toContain(meaning);
    expect(row).toContain(remedy);
  }
});

test("every message has an example that matches its schema", () => {
  expect(Object.keys(components.messages).length).toBeGreaterThan(15);
  for (const [name, { examples }] of Object.entries(components.messages)) {
    expect(examples.length, name).toBeGreaterThan(0);
    for (const { payload } of examples) {
      expect(check(`/components/messages/${name}/payload`, payload), name).toEqual([]);
    }
  }
});
