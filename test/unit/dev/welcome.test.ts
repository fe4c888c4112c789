import { expect, it } from "vitest";
import { openRedisIngress } from "../../../src/dev/redis-ingress.ts";
import { welcome } from "../../../src/dev/welcome.ts";
import { TestTerminal } from "../cli/test-terminal.ts";

const DEMO = {
  url: "http://localhost:8000",
  orderId: "o-1",
  owner: "alice",
  customerToken: "customer",
  adminToken: "admin",
  publishKey: "key",
  hasPage: true,
  areTokensAccepted: true,
  stream: "tidings:events",
  needsUrl: false,
  addedSettings: [],
};

it("with an Upstash database, it publishes through Redis by the command line alone: redis-cli cannot reach it", async () => {
  const devVars = "UPSTASH_REDIS_REST_URL=https://x.upstash.io\nUPSTASH_REDIS_REST_TOKEN=t\n";
  const text = welcome({ ...DEMO, redis: await openRedisIngress(new TestTerminal({ devVars })) });
  expect(text).toContain(
    "Publish through Redis:\n  npx tidings publish products inventory_updated --via redis\n\nRead the manual",
  );
  expect(text).not.toMatch(/XADD|redis-cli/);
});
