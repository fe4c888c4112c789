import { afterEach, expect, test, vi } from "vitest";
import { Interest } from "../../src/channels/listeners/interest.ts";
import { publish, request } from "../support/service.ts";
import { TestSocket } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";

/** The product filter of `?product_id=`: what a client hears, and what is refused. */

const open: TestSocket[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

async function connectWith(query: string): Promise<TestSocket> {
  const url = `/api/v1/ws/products?token=${await mintToken()}${query}`;
  const socket = new TestSocket(await request(url, { headers: { Upgrade: "websocket" } }));
  open.push(socket);
  return socket;
}

/** Returns which of the products a client hears, by publishing an event of each. */
async function heard(query: string, products: string[]): Promise<string[]> {
  const end = `end-${crypto.randomUUID()}`;
  const socket = await connectWith(`${query}${query && `&product_id=${end}`}`);
  expect((await socket.frame()).type).toBe("connection_established");
  for (const product_id of [...products, end])
    await publish("products", { type: "product_deleted", data: { product_id } });
  const ids: string[] = [];
  for (;;) {
    const id = String((await socket.frame()).data.product_id);
    if (id === end) return ids;
    ids.push(id);
  }
}

const PRODUCTS = ["pa", "pb", "SKU,1", "SKU", "1", "a b", "a+b", "50%", "é", "-", "0042"];

test.each([
  ["", PRODUCTS],
  ["&product_id=pa", ["pa"]],
  ["&product_id=pa,pb", ["pa", "pb"]],
  ["&product_id=pa&product_id=pb", ["pa", "pb"]],
  ["&product_id=pa,1&product_id=pb", ["pa", "pb", "1"]],
  ["&product_id=pa,pa&product_id=pa", ["pa"]],
  ["&product%5Fid=pa", ["pa"]],
  ["&product_id=SKU%2C1", ["SKU,1"]],
  ["&product_id=SKU,1", ["SKU", "1"]],
  ["&product_id=a+b,a%20b", ["a b"]],
  ["&product_id=a%2Bb", ["a+b"]],
  ["&product_id=50%25", ["50%"]],
  ["&product_id=é", ["é"]],
  ["&product_id=%C3%A9", ["é"]],
  ["&product_id=-", ["-"]],
  ["&product_id=0042", ["0042"]],
  ["&product_id=pa&utm_source=mail&client_id=7&_=1", ["pa"]],
])("with %s a client hears %j", async (query, expected) => {
  expect(await heard(query, PRODUCTS)).toEqual(expected);
});

test.each([
  "product_ids=pa",
  "product_ids=pa&product_id=pa",
  "productId=pa",
  "productIds=pa",
  "ProductID=pa",
  "PRODUCT_ID=pa",
  "product-id=pa",
  "product_id%5B%5D=pa",
  "product_id[0]=pa",
  "%70roduct_ids=pa",
  "product=pa",
  "products=pa,pb",
  "prodcut_id=pa",
  "porduct_id=pa",
])("the misspelt parameter of ?%s closes with 4005: ignored, it would deliver every product", async (query) => {
  expect(await (await connectWith(`&${query}`)).closed()).toEqual({ code: 4005, reason: "Protocol error" });
});

test.each([
  "product_id=",
  "product_id",
  "product_id=,",
  "product_id=pa,",
  "product_id=,pa",
  "product_id=pa,,pb",
  "product_id=pa&product_id=",
  "product_id=%",
  "product_id=pa,%zz",
  "product_id=%ff",
  "product_id=%ed%a0%80",
  `product_id=${"x".repeat(129)}`,
])("the malformed filter ?%s closes with 4005: no guess would be right", async (query) => {
  expect(await (await connectWith(`&${query}`)).closed()).toEqual({ code: 4005, reason: "Protocol error" });
});

test("a client's message looks up its products again only when it changes them", async () => {
  const added = vi.spyOn(Interest.prototype, "add");
  const socket = await connectWith("&product_id=pa,pb");
  await socket.frame();
  expect(added).toHaveBeenCalledTimes(1);
  for (let n = 0; n < 5; n++) socket.send('{"type":"ping"}');
  await socket.frames(5);
  expect(added).toHaveBeenCalledTimes(1);
  socket.send('{"type":"subscribe","product_ids":["pc"]}');
  socket.send('{"type":"ping"}');
  await socket.frame();
  expect(added).toHaveBeenCalledTimes(2);
  vi.restoreAllMocks();
});
