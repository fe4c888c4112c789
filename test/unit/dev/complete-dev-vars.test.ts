import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { unstable_getVarsForDev } from "wrangler";
import { readDevVars } from "../../../src/cli/shared/dev-vars.ts";
import { readConfig } from "../../../src/config/config.ts";
import { completeDevVars } from "../../../src/dev/complete-dev-vars.ts";
import { TestTerminal } from "../cli/test-terminal.ts";

const textIn = (folder: string) => readFileSync(join(folder, ".dev.vars"), "utf8");

it("writes valid settings that only their owner can read", () => {
  const { cwd } = new TestTerminal();
  expect(completeDevVars(cwd)).toEqual(["JWT_SECRET", "PUBLISH_KEYS", "HEALTH_DETAILS", "JURISDICTION"]);
  expect(readConfig(readDevVars(cwd))).toMatchObject({ ok: true });
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
  expect(completeDevVars(cwd)).toEqual(["PUBLISH_KEYS", "HEALTH_DETAILS", "JURISDICTION"]);
  expect(textIn(cwd).startsWith(`${before}\n\nPUBLISH_KEYS=dev:`)).toBe(true);
  expect(readDevVars(cwd)).toMatchObject({ JWT_SECRET: "kept as it is", HEALTH_DETAILS: "public" });
});

it("leaves a complete file alone", () => {
  const before = "HEALTH_DETAILS=\nJURISDICTION=\nPUBLISH_KEYS=a:b\nJWT_SECRET=c";
  const { cwd } = new TestTerminal({ devVars: before });
  expect(completeDevVars(cwd)).toEqual([]);
  expect(textIn(cwd)).toBe(before);
});

/** wrangler's own parser, which reads the file for the service. */
const asWranglerReads = (folder: string) =>
  unstable_getVarsForDev(join(folder, "wrangler.toml"), undefined, {}, undefined, true);

it.each([
  ["a value of one blank", "ORDERS_API_URL= \n"],
  ["a value of one blank, without a final newline", "ORDERS_API_URL= "],
  ["no value, without a final newline", "ORDERS_API_URL="],
  ["a colon and no value", "ORDERS_API_URL:\n"],
  ["values of one blank and CRLF", "HISTORY_LIMIT=5\r\nORDERS_API_URL= \r\nJWT_ISSUER=shop\r\n"],
  ["CRLF without a final newline", "HISTORY_LIMIT=5\r\nJWT_ISSUER=shop"],
  ["the line ends of an old Mac", "HISTORY_LIMIT=5\rJWT_ISSUER=shop\r"],
  ["a byte-order mark", `\ufeffJWT_SECRET=${"s".repeat(32)}\nJWT_ISSUER=shop\n`],
  ["quotes of every kind", `JWT_ISSUER='a # b'\nJWT_AUDIENCE="line\\nbreak"\nADMIN_ROLES=\`x\`\nROLE_CLAIM="a 'b'"\n`],
  ["a value of several lines", 'JWT_ISSUER="first\nsecond"\n'],
  ["a quote that is never closed", 'JWT_ISSUER="shop'],
  ["a last line in a comment", "JWT_ISSUER=shop # 'ours'\n# JWT_SECRET=old"],
  ["a name that is there twice", "JWT_ISSUER=old\nJWT_ISSUER=new"],
  ["export, and blanks around names", "export JWT_ISSUER = shop \n  JWT_AUDIENCE=web"],
  ["nothing", ""],
  ["blank lines only", "\n \r\n"],
])("completes a file with %s so that wrangler reads the same, and keeps its content", (_, before) => {
  const { cwd } = new TestTerminal();
  const path = join(cwd, ".dev.vars");
  writeFileSync(path, before);
  const settings = readDevVars(cwd);
  const added = completeDevVars(cwd);
  expect(textIn(cwd).startsWith(before)).toBe(true);
  const completed = readDevVars(cwd);
  expect(completed).toMatchObject(settings);
  expect(Object.keys(completed).sort()).toEqual([...new Set([...Object.keys(settings), ...added])].sort());
  for (const name of ["JWT_SECRET", "PUBLISH_KEYS"]) expect(completed[name]?.length).toBeGreaterThan(31);
  const theirs = Object.entries(asWranglerReads(cwd)).map(([name, binding]) => [name, Object(binding).value]);
  expect(completed).toEqual(Object.fromEntries(theirs));
  expect(completeDevVars(cwd)).toEqual([]);
});

it("keeps bytes that are not UTF-8, and its line ends", () => {
  const { cwd } = new TestTerminal();
  const before = Buffer.from("# K\xfcche\r\nHISTORY_LIMIT=5\r\n", "latin1");
  writeFileSync(join(cwd, ".dev.vars"), before);
  completeDevVars(cwd);
  const after = readFileSync(join(cwd, ".dev.vars"));
  expect(after.subarray(0, before.length)).toEqual(before);
  expect(after.toString("latin1").replaceAll("\r\n", "")).not.toContain("\n");
});

it("says what to do about a folder of that name, and a link to nowhere", () => {
  const { cwd } = new TestTerminal();
  mkdirSync(join(cwd, ".dev.vars"));
  expect(() => completeDevVars(cwd)).toThrow(/^\.dev\.vars is a folder, but must be a file\. Move the folder away/);
  const other = new TestTerminal();
  symlinkSync(join(other.cwd, "none/at/all"), join(other.cwd, ".dev.vars"));
  expect(() => completeDevVars(other.cwd)).toThrow(
    /^\.dev\.vars cannot be written: it links to a folder that does not/,
  );
});
