import { expect, test } from "vitest";
import { isSameEvent } from "../../../../src/channels/log/same-event.ts";

const EVENT = {
  id: "i",
  type: "order_shipped",
  data: '{"a":1}',
  productId: null,
  status: null,
  request: '{"version":1}',
};
const ROW = { product: null, request: EVENT.request, frame: '{"type":"order_shipped","data":{"a":1}}' };

test("another request is another event; a damaged row counts as the same, so that its event is not applied again", () => {
  expect(isSameEvent(ROW, EVENT)).toBe(true);
  expect(isSameEvent({ ...ROW, request: '{"version":2}' }, EVENT)).toBe(false);
  expect(isSameEvent({ ...ROW, request: "{damaged" }, EVENT)).toBe(true);
  expect(isSameEvent({ ...ROW, frame: "{damaged" }, EVENT)).toBe(true);
});
