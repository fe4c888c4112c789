import { expect, test, vi } from "vitest";
import { pageCatalogue } from "../../../src/site/demo/build-demo.ts";

vi.stubGlobal("CATALOGUE", pageCatalogue());
vi.stubGlobal("location", { origin: "https://tidings.example" });
const { LANGUAGES } = await import("../../../src/site/demo/page/service/snippets.ts");

/** The demo's code tabs. */

const ORDER = "123e4567-e89b-12d3-a456-426614174000";
const DRAFT = { type: "order_shipped", data: { carrier: "O'Neil", is_gift: true, note: null }, id: "e-1" } as const;

test("curl: a quoted body for the order's own path", () => {
  expect(
    LANGUAGES.curl.write(DRAFT, ORDER),
  ).toBe(`curl -X POST https://tidings.example/api/v1/publish/orders/${ORDER} \\
  -H "Authorization: Bearer $PUBLISH_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{"type":"order_shipped","data":{"carrier":"O'\\''Neil","is_gift":true,"note":null},"id":"e-1"}'`);
});

test("TypeScript: the publisher's method, with the options last", () => {
  const text = LANGUAGES.typescript.write(DRAFT, ORDER);
  expect(text).toContain(`await publisher.publishOrderUpdate("${ORDER}", "order_shipped", {\n  "carrier": "O'Neil",`);
  expect(text).toMatch(/\}, \{"id":"e-1"\}\);$/);
  const product = { type: "inventory_updated", data: { product_id: "p-42" } } as const;
  expect(LANGUAGES.typescript.write(product, "")).toContain(
    'await publisher.publishProductUpdate("inventory_updated", {',
  );
});

test("Python: literals of Python, with the options by name", () => {
  expect(LANGUAGES.python.write(DRAFT, ORDER)).toBe(`import os
from tidings import Tidings

tidings = Tidings("https://tidings.example", os.environ["PUBLISH_KEY"])
tidings.publish_order_update(
    "${ORDER}",
    "order_shipped",
    {
        "carrier": "O'Neil",
        "is_gift": True,
        "note": None,
    },
    id="e-1",
)`);
});
