import { afterAll, expect } from "vitest";
import { guardConsole, leaks } from "./console.ts";
import { forgetPayloads } from "./rules.ts";

/** Vitest setup file inside workerd: a test file fails when the service printed a token, a key or a payload. */

guardConsole();

afterAll(() => {
  forgetPayloads();
  // Test files may share a runtime.
  expect(leaks.splice(0), "the service printed what it must not print").toEqual([]);
});
