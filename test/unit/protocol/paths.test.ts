import { expect, test } from "vitest";
import { app } from "../../../src/edge/app.ts";
import { orderChannelName, PRODUCTS_CHANNEL } from "../../../src/protocol/names.ts";
import { BATCH_PATH, HEALTH_PATH, orderPath, publishPath, socketPath } from "../../../src/protocol/paths.ts";

const ORDER = "123e4567-e89b-12d3-a456-426614174000";

test.each([
  ["GET", HEALTH_PATH],
  ["POST", BATCH_PATH],
  ["PUT", orderPath(ORDER)],
  ["GET", socketPath(orderChannelName(ORDER))],
  ["GET", socketPath(PRODUCTS_CHANNEL)],
  ["POST", publishPath(orderChannelName(ORDER))],
  ["POST", publishPath(PRODUCTS_CHANNEL)],
])("%s %s, which clients call, is a route", (method, path) => {
  const routes = app.router.match(method, path)[0].map(([[, route]]) => route);
  expect(routes.filter((route) => route.method === method)).toHaveLength(1);
});
