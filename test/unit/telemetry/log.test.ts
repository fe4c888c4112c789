import { describe, expect, test, vi } from "vitest";
import { logConnectionEnd, logFault, logPublish, logRefusal } from "../../../src/telemetry/log.ts";
import { leakIn } from "../../support/leak-guard/rules.ts";

describe("the log", () => {
  test("prints one JSON object per line, with its level and only known fields", () => {
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
    logRefusal({
      request_id: "r",
      method: "GET",
      route: "/metrics",
      reason: "key_invalid",
      code: 401,
      reason_detail: "key",
    });
    logFault("maintenance", new TypeError("no\nsuch thing"), { channel: "products" });
    vi.restoreAllMocks();
    expect(lines.map(([level]) => level)).toEqual(["info", "info", "warn", "error"]);
    for (const [level, line] of lines) {
      expect(JSON.parse(line).level).toBe(level);
      expect(line).not.toContain("\n");
      expect(leakIn(line)).toBeNull();
    }
  });
});
