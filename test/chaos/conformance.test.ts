import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RULE_FILES, type RuleFile, readRules } from "../../src/cli/conformance/format.ts";
import { playRules } from "../../src/cli/conformance/play.ts";
import { mintedUsers } from "../../src/cli/conformance/users.ts";
import { tokenForm } from "../../src/cli/shared/token-form.ts";
import { PUBLISH_KEY, TEST_ENV } from "../support/test-env.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";
import { type Wrong, WrongService } from "../support/wrong-service.ts";

/** The files of rules that any implementation of the protocol can be tested with. */

let service: Workerd;
beforeAll(async () => {
  service = await startTidings();
});
afterAll(() => service.stop());

/** Plays rules. @returns Those that are broken, and why. */
async function play(file: RuleFile, url: string, timeoutMs = 10_000): Promise<[rule: string, why: string][]> {
  const broken: [string, string][] = [];
  const target = {
    url,
    timeoutMs,
    key: { value: PUBLISH_KEY, source: "the test" },
    userOf: mintedUsers({ value: TEST_ENV.JWT_SECRET, source: "the test", form: tokenForm(import.meta.dirname) }),
  };
  await playRules(file, target, async ({ rule }, body) => {
    try {
      await body();
      return true;
    } catch (error) {
      broken.push([rule, String(error)]);
      return false;
    }
  });
  return broken;
}

describe("the service keeps every rule of", () => {
  test.each(RULE_FILES)("%s", async (file) => expect(await play(readRules(file), service.url)).toEqual([]));
});

const changed = (text: string, change: (frame: Record<string, unknown>) => unknown): string =>
  text.startsWith("{") ? JSON.stringify(change(JSON.parse(text))) : text;
const isEvent = (text: string) => text.includes('"seq"') && !text.includes("connection_established");

/** Plays a file up to the first rule that is broken. @returns That rule. */
async function firstBroken(file: string, url: string): Promise<string | null> {
  const whole = readRules(file);
  const rules = whole.rules.map((rule) => ({ ...rule, is_essential: true }));
  const [broken] = await play({ ...whole, rules }, url, 500);
  return broken?.[0] ?? null;
}

/** Services that break one rule each: what is wrong, the file that shows it, and the first rule that is broken. */
const WRONG: [name: string, file: string, rule: RegExp, wrong: Wrong][] = [
  [
    "hides that an order exists",
    "connecting",
    /another user's order: closed with 4003/,
    { closeCode: (code) => (code === 4003 ? 4004 : code) },
  ],
  [
    "delivers each event twice",
    "publishing",
    /fields that no schema knows/,
    { message: (text) => (isEvent(text) ? [text, text] : [text]) },
  ],
  [
    "rewrites data",
    "publishing",
    /an event is answered with/,
    { message: (text) => [isEvent(text) ? text.replace('"carrier":"UPS"', '"carrier":"ups"') : text] },
  ],
  [
    "sends arrays to plain clients",
    "publishing",
    /an event is answered with/,
    { message: (text) => [isEvent(text) ? `[${text}]` : text] },
  ],
  [
    "applies what it has seen",
    "publishing",
    /the same event again is a duplicate/,
    { answer: ({ status, body }) => ({ status, body: body.replace('"duplicate"', '"applied"') }) },
  ],
  [
    "names no bad field",
    "publishing",
    /unknown type is refused/,
    { answer: (a) => ({ ...a, body: a.body.replace('"field":"type"', '"field":""') }) },
  ],
  [
    "loses missed events",
    "resume",
    /within the history/,
    { message: (text) => (text.includes('"seq":2,') ? [] : [text]) },
  ],
  [
    "claims to resume any position",
    "resume",
    /another epoch: resumed is false/,
    { message: (text) => [text.replace('"resumed":false', '"resumed":true')] },
  ],
  [
    "ignores the filter",
    "product-filter",
    /a list separated by commas/,
    { url: (url) => url.replace(/product_id=[^&]*&/g, "") },
  ],
  [
    "ignores misspelt parameters",
    "product-filter",
    /misspelt parameter product_ids/,
    { url: (url) => url.replace("product_ids=", "other=") },
  ],
  ["does not answer pings", "client-messages", /the text ping/, { message: (text) => (text === "pong" ? [] : [text]) }],
  [
    "ignores client messages",
    "client-messages",
    /more than 16 KB/,
    { clientMessage: (text) => (text === "ping" || text.includes('"ping"') ? [text] : []) },
  ],
  [
    "calls unknown orders gone",
    "managing",
    /the snapshot is refused to others/,
    { answer: (a) => ({ ...a, status: a.status === 404 ? 410 : a.status }) },
  ],
  [
    "counts no listeners",
    "health",
    /counts each channel's listeners/,
    {
      answer: (a) => ({
        ...a,
        body: changed(a.body, (body) => (a.path.endsWith("/health") ? { ...body, channel_details: {} } : body)),
      }),
    },
  ],
];

describe("a service breaks a rule that", () => {
  test.each(WRONG)("%s", async (_, file, rule, wrong) => {
    const proxy = new WrongService(service.url, wrong);
    try {
      expect(await firstBroken(file, await proxy.listen())).toMatch(rule);
    } finally {
      proxy.close();
    }
  });

  test("nothing, when the proxy changes nothing", async () => {
    const proxy = new WrongService(service.url, {});
    try {
      expect(await firstBroken("publishing", await proxy.listen())).toBeNull();
    } finally {
      proxy.close();
    }
  });
});

test("a close reason that a terminal would obey is escaped in the report", async () => {
  const proxy = new WrongService(service.url, { closeCode: () => 4999, closeReason: "\u001b[2J" });
  try {
    const { rules, ...file } = readRules("connecting");
    const closing = rules.filter(({ rule }) => rule.includes("closed with 4003")).slice(0, 1);
    const [broken] = await play({ ...file, rules: closing }, await proxy.listen(), 500);
    expect(broken?.[1]).toContain("got 4999 \\u001b[2J");
  } finally {
    proxy.close();
  }
});
