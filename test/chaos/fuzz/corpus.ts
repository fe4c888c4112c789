/** Inputs that once failed, by entrance. They run first. */
export const CORPUS: Record<string, unknown[]> = {
  "a client's message": [
    JSON.stringify({ type: "subscribe", product_ids: Array.from({ length: 50 }, (_, i) => `${i}${"😀".repeat(80)}`) }),
    '{"type":"ping"}',
    '{"type":"unsubscribe","product_ids":["a",{"length":{"toString":1}}]}',
    '{"type":"subscribe","product_ids":{"length":{"toString":1}}}',
    '{"type":"ack","seq":1,"nonce":{"length":{"toString":1}}}',
  ],
  "a product filter": [
    `?product_id=${Array.from({ length: 50 }, (_, i) => encodeURIComponent(`${i}${"😀".repeat(80)}`))}`,
    "?product_ids=pa",
    "?product_id=%E0%A4%A",
  ],
  "a stored row of the relay": ['{"length":{"toString":1}}', '[{"id":{"length":{"toString":1}}}]'],
  "a stored row of the log": [
    { seq: 1, ts: 8.64e15 + 1, frame: "" },
    { seq: 1.5, ts: -1, frame: "{" },
    { seq: 2 ** 53, ts: Number.NaN, prev: 2 ** 53, frame: "x" },
  ],
  "a publish, as a value": [
    { type: "price_updated", data: { product_id: "p", new_price: 1, numbers: Array(11_900).fill(1e15) } },
    { type: "product_updated", data: JSON.parse('{"product_id":"p","__proto__":{"a":1}}') },
    { type: "order_status_changed", data: { new_status: { length: { toString: 1 } } } },
    { type: "product_updated", data: { product_id: { length: { toString: 1 } } } },
  ],
  "a reply of Redis": [
    ["length", { toString: 1 }, "entries-added", 5, "last-generated-id", "5-0"],
    ["length", 2, "entries-added", 5, "last-generated-id", "5-0", { toString: 1 }],
  ],
  "a key set": [{ keys: [{ kid: null }, { kty: "unknown" }] }],
};
