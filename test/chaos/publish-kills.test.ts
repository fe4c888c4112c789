import { afterAll, beforeAll, expect, test } from "vitest";
import { publishThroughKills } from "../support/kill-scenarios.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

const KILLS = 50;
let service: Workerd;
beforeAll(async () => {
  service = await startTidings({ HISTORY_LIMIT: "10000" });
});
afterAll(() => service.stop());

test(`[promise 1] after ${KILLS} kills with SIGKILL, every acknowledged event is in the history once, without a hole in seq`, async () => {
  await publishThroughKills(service, KILLS);
  expect.hasAssertions();
});
