import { afterAll, expect } from "vitest";
import { guardConsole, leaks } from "./console.ts";

/** Vitest setup file inside workerd: a test file fails when the service printed a token, a key or a payload. */

guardConsole();

afterAll(() => {
  expect(leaks, "the service printed what it must not print").toEqual([]);
});
