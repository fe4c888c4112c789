import { afterAll, expect } from "vitest";
import { judgeAll, leaks } from "./printed.ts";

/** Every line that the service prints is judged, and a file whose tests made it print what it must not print fails. */

judgeAll();

afterAll(() => {
  expect(leaks, "the service printed what it must not print").toEqual([]);
});
