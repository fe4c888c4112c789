import { describe, expect, test, vi } from "vitest";
import { logConnectionEnd, logFault, logPublish, logRefusal } from "../../../src/telemetry/log.ts";
import { leakIn, rememberPayload } from "../../support/log-guard.ts";
import { PUBLISH_KEY } from "../../support/test-env.ts";
import { mintToken } from "../../support/tokens.ts";

describe("the log", () => {
  test("is one JSON object a line, with its level, and only fields that are known", () => {
    const lines: [level: string, line: string][] = [];
    for (const level of ["info", "warn", "error"] as const) {
      vi.spyOn(console, level).mockImplementation((line) => lines.push([level, line]));
    }
    logConnectionEnd({ request_id: "r", channel: "products", code: 1000, seconds: 2.5 });
    logPublish({
      request_id: "r",
      via: "http",
      key: "shop",
      channel: null,
      events: 2,
      outcomes: { applied: 2 },
      ms: 3,
    });
    logRefusal({ request_id: "r", method: "GET", route: "/metrics", reason: "key_invalid", code: 401, fault: "key" });
    logFault("upkeep", new TypeError("no\nsuch thing"), { channel: "products" });
    vi.restoreAllMocks();
    expect(lines.map(([level]) => level)).toEqual(["info", "info", "warn", "error"]);
    for (const [level, line] of lines) {
      expect(JSON.parse(line).level).toBe(level);
      expect(line).not.toContain("\n");
      expect(leakIn(line)).toBeNull();
    }
  });
});

describe("the guard of the log", () => {
  test("finds tokens, keys, payloads and new fields", async () => {
    rememberPayload({ type: "order_cancelled", data: { reason: "the customer moved to Oslo" } });
    const leaks = [
      `GET /api/v1/ws/products?token=${await mintToken()}`,
      (await mintToken()).slice(0, 40),
      "GET /x?token=anything",
      `Authorization: Bearer ${"k".repeat(32)}`,
      `key ${PUBLISH_KEY} is bad`,
      'Error: cannot store {"reason":"the customer moved to Oslo"}',
      '{"level":"info","event":"publish","data":{}}',
    ];
    for (const text of leaks) expect(leakIn(text), text).not.toBeNull();
    expect(leakIn("the service is ready")).toBeNull();
  });
});
