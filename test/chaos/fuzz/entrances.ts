import fc from "fast-check";
import { readAttachment, readClosing } from "../../../src/channels/listeners/listener.ts";
import {
  parseStored,
  readLink,
  readLogRow,
  readStoredFrame,
  type StoredRow,
} from "../../../src/channels/log/log-row.ts";
import { joinRequest, reportRequest } from "../../../src/channels/products/shards/contract.ts";
import { readConfig } from "../../../src/config/config.ts";
import { fetchKeys } from "../../../src/edge/auth/key-set.ts";
import { verifyToken } from "../../../src/edge/auth/verify.ts";
import { readEntry } from "../../../src/ingress/redis/entry.ts";
import {
  notUtf8EntryIds,
  parseEntries,
  parseEntrySizes,
  parseStreamDescription,
} from "../../../src/ingress/redis/replies.ts";
import { parseStoredEvents, parseStoredLetter } from "../../../src/ingress/redis/stored-rows.ts";
import { catalogueWith } from "../../../src/protocol/catalogue.ts";
import { parseClientMessage } from "../../../src/protocol/client-messages.ts";
import { EVENTS } from "../../../src/protocol/events.ts";
import { parseExactJson } from "../../../src/protocol/exact-json.ts";
import { encodeEventFrame } from "../../../src/protocol/frames.ts";
import { parseJson } from "../../../src/protocol/json.ts";
import { parseProductFilter } from "../../../src/protocol/product-filter.ts";
import { type AcceptedEvent, checkEvent, MAX_EVENT_BYTES } from "../../../src/protocol/publish.ts";
import { utf8Length } from "../../../src/protocol/utf8.ts";
import { makeKey } from "../../support/signing-keys.ts";
import { TEST_ENV } from "../../support/test-env.ts";
import { mintToken } from "../../support/tokens.ts";
import { nearlyValid, nearlyValidText } from "./mutations.ts";

/** Everything that reads what others wrote, with inputs that are almost right. Each throws when it behaves wrongly. */

export interface Entrance<T = unknown> {
  name: string;
  input: fc.Arbitrary<T>;
  /** @throws when the input is not handled as documented. */
  read(input: T): void | Promise<void>;
}

const entrance = <T>(name: string, input: fc.Arbitrary<T>, read: Entrance<T>["read"]) =>
  ({ name, input, read }) as Entrance;

function require(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

const catalogue = catalogueWith([{ channel: "order", type: "order_refunded", changesStatus: true }]);
const ORDER = "123e4567-e89b-12d3-a456-426614174000";
const NOW = Date.UTC(2026, 10, 26);
const SECRET_TEXT = "a-payload-that-nothing-may-print";
const bodies = Object.entries(EVENTS).map(([type, { example }]) => ({
  type,
  data: { ...example, note: SECRET_TEXT },
  id: "evt-1",
  version: 3,
}));
const registration = { user_id: "alice", status: "pending", payment_status: "paid" };

/** An accepted event makes a frame that is whole, within its limit, and says what was published. */
function checkAccepted(event: AcceptedEvent, data: unknown): void {
  const text = encodeEventFrame({ ...event, seq: 1, ts: event.acceptedAt });
  require(utf8Length(text) <= MAX_EVENT_BYTES, "the frame is too long");
  const frame = JSON.parse(text);
  require(frame.id === event.id && frame.seq === 1 && frame.type === event.type, "the frame is another event's");
  for (const [name, value] of Object.entries(Object(data))) {
    if (name === "order_id" || name === "timestamp") continue;
    require(JSON.stringify(frame.data[name]) === JSON.stringify(value), `data.${name} was changed`);
  }
}

const key = await makeKey("ES256");
const read = readConfig({ ...TEST_ENV });
if (!read.ok) throw new Error("the settings of the tests are invalid");
const { config } = read;
const tokens = await Promise.all([
  mintToken({ expiresIn: 86_400 }),
  mintToken({ expiresIn: 86_400, role: "admin", claims: { aud: ["shop"], nbf: 0 } }),
  mintToken({ secret: "another-secret-that-is-long-enough-0123456789", expiresIn: 86_400 }),
]);
const genuine = new Set(tokens.slice(0, 2));

export const ENTRANCES: Entrance[] = [
  entrance("a publish, as JSON text", nearlyValidText(bodies.map((body) => JSON.stringify(body))), (text) => {
    let body: unknown;
    try {
      body = parseExactJson(text);
    } catch (error) {
      return require(error instanceof SyntaxError && !error.message.includes(SECRET_TEXT), "not a SyntaxError");
    }
    checkPublish(body);
  }),
  entrance("a publish, as a value", nearlyValid([...bodies, { ...bodies[0], order: registration }]), (body) =>
    checkPublish(parseJson(JSON.stringify(body))),
  ),
  entrance(
    "a client's message",
    fc.oneof(
      nearlyValid([
        { type: "subscribe", product_ids: ["a", "b", 42] },
        { type: "unsubscribe", product_ids: ["a"] },
        { type: "authenticate", token: "a.b.c" },
        { type: "ack", seq: 5, nonce: "x" },
        { type: "ping" },
      ]).map((value) => JSON.stringify(value) ?? ""),
      nearlyValidText(['{"type":"subscribe","product_ids":["a"]}', '{"type":"ack","seq":1}', "ping"]),
    ),
    (text) => {
      const message = parseClientMessage(text);
      if (message.type !== "subscribe") return;
      const { product_ids } = message;
      require(product_ids.length > 0 &&
        product_ids.every((id) => typeof id === "string" && id !== ""), "odd product ids");
    },
  ),
  entrance(
    "a product filter",
    nearlyValidText(["?product_id=a,b&product_id=c", "product_id=SKU%2C1&token=x"]),
    (search) => {
      const filter = parseProductFilter(search);
      if (filter === null || filter === "invalid") return;
      require(filter.length >= 1 && filter.length <= 50 && filter.every((id) => id !== ""), "odd product ids");
    },
  ),
  entrance(
    "an entry of the stream",
    fc.tuple(
      nearlyValidText(["1795645147261-0", "1-1"]),
      nearlyValid(
        bodies.map(({ type, data }) => ({
          channel: type.startsWith("order") || type.startsWith("payment") ? `order_${ORDER}` : "products",
          type,
          data: JSON.stringify(data),
          id: "evt-1",
          version: "3",
        })),
      ),
    ),
    ([id, value]) => {
      const fields = Object.entries(Object(value)).map(([name, text]): [string, string] => [
        name,
        String(textOf(text)),
      ]);
      const read = readEntry(catalogue, { id, fields }, NOW);
      if (read.ok) checkAccepted(read.event, parseJson(read.event.data));
      else require(!read.reason.includes(SECRET_TEXT), "the reason quotes the payload");
    },
  ),
  entrance(
    "a reply of Redis",
    nearlyValid<unknown>([
      [2, 5, "5-0", "0-0", "4-0"],
      [
        ["4-0", ["channel", "products"]],
        ["5-0", ["data", "{}"]],
      ],
      [["4-0", 500]],
      [["NC0w", ["YQ==", "Yg=="]]],
    ]),
    (reply) => {
      parseStreamDescription(reply);
      parseEntries(reply);
      parseEntrySizes(reply);
      notUtf8EntryIds(reply);
    },
  ),
  entrance(
    "a stored row of the relay",
    nearlyValid<unknown>([
      [{ channel: "products", id: "e", type: "product_updated", data: "{}", acceptedAt: 1, statusChange: {} }],
      { entry: { id: "1-0", fields: [["channel", "products"]] }, reason: "odd", code: "not_an_event", isCut: false },
    ]).map((value) => JSON.stringify(value) ?? ""),
    (text) => {
      parseStoredLetter(text);
      parseStoredEvents(text, NOW);
    },
  ),
  entrance(
    "a stored row of the log",
    nearlyValid([{ seq: 3, ts: NOW, prev: 1, frame: '{"type":"order_shipped"}', request: '{"version":1}' }]),
    (value) => {
      // Columns hold nothing but numbers, texts and null.
      const columns = Object.entries(Object(value)).map(([name, one]) => [name, typeof one === "object" ? null : one]);
      const row = Object.fromEntries(columns) as StoredRow;
      const read = readLogRow(row);
      if (read) new Date(read.ts).toISOString();
      readLink(row);
      readStoredFrame(row.frame);
      parseStored(row.request);
    },
  ),
  entrance(
    "a socket's attachment",
    nearlyValid<unknown>([
      {
        ...{ subject: "alice", isAdmin: false, expiresAt: NOW, orderId: null, speaksV1: true, products: ["a"] },
        ...{ connectedAt: NOW, seenAt: NOW, isWarned: false, series: null, allowance: 20, from: 3, coveredFrom: 3 },
        head: { epoch: "e", seq: 1, turn: 2 },
      },
      { closing: "alice", wasSilent: true },
    ]),
    (value) => {
      // The readers use nothing else of a socket.
      const socket = { deserializeAttachment: () => value } as unknown as WebSocket;
      readAttachment(socket);
      readClosing(socket);
    },
  ),
  entrance(
    "a call between the root and a shard",
    nearlyValid([
      {
        ...{
          version: 1,
          shard: "products/weur/0",
          incarnation: "i",
          interest: { version: 1, products: ["a"] },
          count: 1,
        },
        resume: { epoch: "e", seq: 1 },
      },
    ]),
    (value) => {
      joinRequest.safeParse(value);
      reportRequest.safeParse(value);
    },
  ),
  entrance("a token", nearlyValidText(tokens), async (token) => {
    const verified = await verifyToken(token, config, "request");
    require(!verified.ok || genuine.has(token), "a token was accepted that this service's secret did not sign");
  }),
  entrance(
    "a key set",
    nearlyValid([{ keys: [{ ...key.publicJwk, kid: "a", use: "sig" }, { kty: "oct" }] }]),
    async (set) => {
      const url = `data:application/json,${encodeURIComponent((JSON.stringify(set) ?? "").toWellFormed())}`;
      try {
        const { skipped } = await fetchKeys(url, ["ES256", "HS256"], AbortSignal.timeout(5000));
        require(skipped.every((line) => !line.includes("\n")), "a log line has two lines");
      } catch (error) {
        require(String(error).startsWith("Error: the key set"), `an undocumented failure: ${error}`);
      }
    },
  ),
];

function checkPublish(body: unknown): void {
  for (const channel of [`order_${ORDER}`, "products"] as const) {
    const checked = checkEvent(catalogue, body, channel, "fallback", NOW);
    if (checked.ok) checkAccepted(checked.value, Object(body).data);
    else
      require(checked.errors.length > 0 &&
        !JSON.stringify(checked.errors).includes(SECRET_TEXT), "no error, or a payload");
  }
}

const textOf = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
