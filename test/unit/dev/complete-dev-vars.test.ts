import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readDevVars } from "../../../src/cli/shared/dev-vars.ts";
import { readConfig } from "../../../src/config/config.ts";
import { completeDevVars } from "../../../src/dev/complete-dev-vars.ts";
import { TestTerminal } from "../cli/test-terminal.ts";

const textIn = (folder: string) => readFileSync(join(folder, ".dev.vars"), "utf8");

it("writes valid settings that only their owner can read", () => {
  const { cwd } = new TestTerminal();
  expect(completeDevVars(cwd)).toEqual(["JWT_SECRET", "PUBLISH_KEYS", "HEALTH_DETAILS"]);
  expect(readConfig(readDevVars(cwd))).not.toHaveProperty("faults");
  expect(statSync(join(cwd, ".dev.vars")).mode & 0o777).toBe(0o600);
});

it("generates different secrets in every folder", () => {
  const [one, other] = [new TestTerminal().cwd, new TestTerminal().cwd];
  completeDevVars(one);
  completeDevVars(other);
  expect(readDevVars(one).JWT_SECRET).not.toBe(readDevVars(other).JWT_SECRET);
});

it("keeps existing content byte for byte and appends only missing names", () => {
  const before = "# mine\nJWT_SECRET='kept as it is'\nORDERS_API_URL=https://shop.example/orders";
  const { cwd } = new TestTerminal({ devVars: before });
  expect(completeDevVars(cwd)).toEqual(["PUBLISH_KEYS", "HEALTH_DETAILS"]);
  expect(textIn(cwd).startsWith(`${before}\nPUBLISH_KEYS=dev:`)).toBe(true);
  expect(readDevVars(cwd)).toMatchObject({ JWT_SECRET: "kept as it is", HEALTH_DETAILS: "public" });
});

it("leaves a complete file alone", () => {
  const before = "HEALTH_DETAILS=\nPUBLISH_KEYS=a:b\nJWT_SECRET=c";
  const { cwd } = new TestTerminal({ devVars: before });
  expect(completeDevVars(cwd)).toEqual([]);
  expect(textIn(cwd)).toBe(before);
});
