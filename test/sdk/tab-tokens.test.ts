import { expect, test } from "vitest";
import { TabTokens } from "../../src/sdk/tabs/tab-tokens.ts";
import { mintToken } from "../support/tokens.ts";

test("a token that another tab hands in while `getToken` is called is used for the next request", async () => {
  const [own, others] = [await mintToken({ subject: "alice" }), await mintToken({ subject: "alice", expiresIn: 9 })];
  const calls: ((token: string) => void)[] = [];
  const tokens = new TabTokens(() => new Promise((resolve) => calls.push(resolve)));
  const first = tokens.next();
  await Promise.resolve();
  tokens.handedIn = others;
  calls[0]?.(own);
  expect((await first).token).toBe(own);
  expect((await tokens.next()).token).toBe(others);
  expect(calls).toHaveLength(1);
});
