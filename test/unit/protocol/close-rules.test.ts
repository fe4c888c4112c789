import { describe, expect, it } from "vitest";
import { retryOf } from "../../../src/protocol/close-rules.ts";

describe("whether a client reconnects", () => {
  it("follows the first two digits of an unknown code; any code below 4000 means a back-off", () => {
    expect([4042, 4142, 4242, 1006, 1012].map(retryOf)).toEqual(["never", "backoff", "now", "backoff", "backoff"]);
  });
});
