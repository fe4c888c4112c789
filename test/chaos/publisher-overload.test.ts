import { createServer } from "node:http";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createPublisher, PublishError } from "../../src/sdk/publisher/publisher.ts";
import { parseRetryAfter } from "../../src/sdk/publisher/retry.ts";
import { listenOnLoopback } from "../support/loopback.ts";
import { hasPython, PythonProject } from "../support/python.ts";

/** A service under load answers 429 or 503 with `Retry-After`. Both publishers follow it, within their deadline. */

const KEY = "key";
const RESULT = { id: "mine", channel: "products", seq: 1, status: "applied", receivers: 0 };

let url: string;
let arrivals: number[];
/** What the first request is answered with. */
let refusal: { status: number; retryAfter: () => string };
/** When the service said that it may be asked again, in milliseconds since 1970. */
let notBefore: number;
let python: PythonProject;

const server = createServer((request, response) => {
  arrivals.push(Date.now());
  request.resume();
  if (arrivals.length === 1) {
    const problem = { type: "about:blank", title: "Too much", status: refusal.status };
    response.writeHead(refusal.status, { "Retry-After": refusal.retryAfter() });
    return response.end(JSON.stringify(problem));
  }
  const isBatch = request.url?.endsWith("/batch");
  response.end(JSON.stringify(isBatch ? { results: [RESULT] } : RESULT));
});

beforeAll(async () => {
  url = await listenOnLoopback(server);
  python = await PythonProject.make();
});
afterAll(async () => {
  server.close();
  await python.remove();
});
beforeEach(() => {
  arrivals = [];
});
afterEach(() => server.closeAllConnections());

/** A date one to two seconds from now. */
const date = () => {
  notBefore = Math.floor(Date.now() / 1000 + 2) * 1000;
  return new Date(notBefore).toUTCString();
};
/** The forms of the header (RFC 9110, section 10.2.3). The last one, C's asctime, does not say that it is GMT. */
const forms = [
  {
    status: 429,
    form: "seconds",
    retryAfter() {
      notBefore = Date.now() + 1000;
      return "1";
    },
  },
  { status: 503, form: "an HTTP date", retryAfter: date },
  {
    status: 503,
    form: "an obsolete date",
    retryAfter: () => date().replace(/^(\w+), (\d+) (\w+) (\d+) (\S+) GMT$/, "$1 $3 $2 $5 $4"),
  },
];

interface Outcome {
  status: number | string | null;
  isRetryable?: boolean;
  ids?: readonly string[];
}
type Publish = (deadlineMs: number) => Promise<Outcome>;

const event = { product_id: "a" };
const outcomeOf = (publishing: Promise<{ status: string }[]>): Promise<Outcome> =>
  publishing.then(
    ([result]) => ({ status: result?.status ?? null }),
    (error: unknown) => {
      if (!(error instanceof PublishError)) throw error;
      return { status: error.status, isRetryable: error.isRetryable, ids: error.ids };
    },
  );
const inPython = (call: string) => async (deadlineMs: number) =>
  (await python.run(
    `
import asyncio, json, tidings
options = {"url": "${url}", "key": "${KEY}", "deadline": ${deadlineMs / 1000}}
event = {"channel": "products", "type": "product_deleted", "data": {"product_id": "a"}, "id": "mine"}
try:
    print(json.dumps({"status": ${call}["status"]}))
except tidings.PublishError as error:
    print(json.dumps({"status": error.status, "isRetryable": error.is_retryable, "ids": error.ids}))`,
    // Far from GMT, because a date without a zone is GMT all the same.
    { TZ: "America/New_York" },
  )) as Outcome;

const publishers: [string, Publish][] = [
  [
    "TypeScript, alone",
    (deadlineMs) => {
      const publisher = createPublisher({ url, key: KEY, deadlineMs });
      const publishing = publisher.publishProductUpdate("product_deleted", event, { id: "mine" });
      return outcomeOf(publishing.then((result) => [result]));
    },
  ],
  [
    "TypeScript, in a batch",
    (deadlineMs) => {
      const publisher = createPublisher({ url, key: KEY, deadlineMs });
      const events = [{ channel: "products", type: "product_deleted", data: event, id: "mine" }] as const;
      return outcomeOf(publisher.publishBatch(events));
    },
  ],
];
if (hasPython("the Python publisher under overload")) {
  const alone = `publish_product_update("product_deleted", {"product_id": "a"}, id="mine")`;
  publishers.push(
    ["Python, alone", inPython(`tidings.Tidings(**options).${alone}`)],
    ["Python, in a batch", inPython("tidings.Tidings(**options).publish_batch([event])[0]")],
    ["Python, awaited", inPython(`asyncio.run(tidings.AsyncTidings(**options).${alone})`)],
  );
}

describe.each(publishers)("%s", (_, publish) => {
  test.each(forms)("does not ask again before a $status allows it, in $form", async ({ status, retryAfter }) => {
    refusal = { status, retryAfter };
    expect(await publish(30_000)).toEqual({ status: "applied" });
    expect(arrivals).toHaveLength(2);
    // A timer may fire a few milliseconds early.
    expect(arrivals[1]).toBeGreaterThanOrEqual(notBefore - 5);
  });

  test.each([429, 503])("fails at once when a %i asks for a longer wait than the deadline allows", async (status) => {
    refusal = { status, retryAfter: () => "3600" };
    expect(await publish(20_000)).toEqual({ status, isRetryable: true, ids: ["mine"] });
    expect(arrivals).toHaveLength(1);
    expect(Date.now() - (arrivals[0] ?? 0)).toBeLessThan(10_000);
  });

  test("ignores a Retry-After that is neither seconds nor a date", async () => {
    // A digit by Unicode, but not one of a number.
    refusal = { status: 503, retryAfter: () => "\u00b2" };
    expect(await publish(20_000)).toEqual({ status: "applied" });
  });
});

test("a Retry-After date without a zone is GMT, wherever the publisher runs", () => {
  const zone = process.env.TZ;
  process.env.TZ = "America/New_York";
  onTestFinished(() => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  });
  const at = Date.UTC(1994, 10, 6, 8, 49, 37);
  const texts = ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"];
  for (const text of texts) expect(parseRetryAfter(text, at - 7000)).toBe(7000);
  expect(parseRetryAfter(texts[0] ?? "", at + 1)).toBe(0);
  for (const text of ["", "soon", "-5", "1.5", "5 s", "\u00b2"]) expect(parseRetryAfter(text, at)).toBeNull();
});
