import { createServer } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FaultProxy } from "../../support/fault-proxy.ts";
import { withFaultyService } from "../../support/faulty-service.ts";
import { listenOnLoopback } from "../../support/loopback.ts";
import { listenAt, registerOrderAt } from "../../support/node-client.ts";
import { hasPython, PythonProject } from "../../support/python.ts";
import { PUBLISH_KEY } from "../../support/test-env.ts";

/** The Python module, run by Python, against the service. */

describe.skipIf(!hasPython("the Python publisher"))("publisher.py", () => {
  const service = withFaultyService();
  let python: PythonProject;
  let env: Record<string, string>;

  beforeAll(async () => {
    python = await PythonProject.make();
    env = { TIDINGS_URL: service.proxyUrl, TIDINGS_KEY: PUBLISH_KEY };
  });
  afterAll(() => python?.remove());

  test("the original's functions are awaited as before, and reach the listeners", async () => {
    const orderId = await registerOrderAt(service.url);
    const onOrder = await listenAt(service.url, `orders/${orderId}`);
    const onProducts = await listenAt(service.url, "products");
    const result = await python.run(
      `
import asyncio, json, os, uuid
from tidings import publish_order_update, publish_product_update

async def main():
    order_id = uuid.UUID(os.environ["ORDER_ID"])
    first = await publish_order_update(order_id, "order_shipped", {"carrier": "UPS", "note": "grün, 緑"})
    second = await publish_product_update("inventory_updated", {"product_id": "p-42", "new_quantity": 5})
    print(json.dumps([first, second]))

asyncio.run(main())`,
      { ...env, ORDER_ID: orderId },
    );
    expect(result).toMatchObject([
      { channel: `order_${orderId}`, seq: 1, status: "applied", receivers: 1 },
      { channel: "products", status: "applied", receivers: 1 },
    ]);
    expect((await onOrder.receive(1))[0]?.data).toMatchObject({ carrier: "UPS", note: "grün, 緑" });
    expect((await onProducts.receive(1))[0]?.data).toEqual({ product_id: "p-42", new_quantity: 5 });
    onOrder.close();
    onProducts.close();
  });

  test("certificates are loaded once, and never by a thread that a fork could interrupt", async () => {
    const result = await python.run(
      `
import asyncio, json, ssl, threading, tidings

load, loaded_by = ssl.SSLContext.load_default_certs, []
def counting(self, *purpose):
    loaded_by.append(threading.current_thread().name)
    return load(self, *purpose)
ssl.SSLContext.load_default_certs = counting

async def main():
    for _ in range(2):
        try:
            publisher = tidings.AsyncTidings("https://127.0.0.1:1", max_tries=1)
            await publisher.publish_product_update("product_deleted", {"product_id": "a"})
        except tidings.PublishError:
            pass

asyncio.run(main())
print(json.dumps(loaded_by))`,
      env,
    );
    expect(result).toEqual(["MainThread"]);
  });

  test("loads where its module is not in sys.modules", async () => {
    const name = await python.run(`
import importlib.util, json
spec = importlib.util.spec_from_file_location("elsewhere", "tidings.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(json.dumps(module.Tidings.__name__))`);
    expect(name).toBe("Tidings");
  });

  test("Tidings publishes without an event loop, AsyncTidings within one", async () => {
    const result = await python.run(
      `
import asyncio, json, os
from tidings import AsyncTidings, Tidings

url, key = os.environ.pop("TIDINGS_URL"), os.environ.pop("TIDINGS_KEY")
tidings = Tidings(url + "/", key)
order = {"user_id": "dora", "status": "paid", "payment_status": "paid"}
order_id = "123E4567-E89B-12D3-A456-426614174999"
print(json.dumps([
    tidings.publish_order_update(order_id, "order_status_changed", {"new_status": "paid"}, id="a", version=3, order=order),
    tidings.publish_order_update(order_id, "order_status_changed", {"new_status": "paid"}, id="a", version=3, order=order),
    asyncio.run(AsyncTidings(url, key).publish_order_update(order_id, "order_delivered", {}, version=2)),
]))`,
      env,
    );
    expect(result).toMatchObject([
      { id: "a", channel: "order_123e4567-e89b-12d3-a456-426614174999", seq: 1, status: "applied" },
      { id: "a", seq: 1, status: "duplicate" },
      { seq: null, status: "stale" },
    ]);
  });

  test("Python's own types are converted to JSON", async () => {
    const listener = await listenAt(service.url, "products");
    await python.run(
      `
import dataclasses, datetime, decimal, enum, json, tidings, uuid

class Status(enum.Enum):
    ACTIVE = "active"

class Text(str, enum.Enum):
    NEW = "new"

@dataclasses.dataclass
class Size:
    width: decimal.Decimal
    made: datetime.date

utc = datetime.timezone.utc
json.dumps(tidings.Tidings().publish_product_update("price_updated", {
    "product_id": uuid.UUID("123e4567-e89b-12d3-a456-426614174000"),
    "old_price": decimal.Decimal("19.90"), "new_price": decimal.Decimal("0.1") + decimal.Decimal("0.2"),
    "whole": decimal.Decimal("12.00"), "small": decimal.Decimal("1E-7"), "large": decimal.Decimal("123456789012.34"),
    "timestamp": datetime.datetime(2026, 11, 22, 10, 15, 30, 123456),
    "aware": datetime.datetime(2026, 11, 22, 10, 15, 30, tzinfo=utc), "day": datetime.date(2026, 11, 22),
    "status": Status.ACTIVE, "text": Text.NEW, "tags": ["one"], "pair": (1, 2),
    "size": Size(decimal.Decimal("2.5"), datetime.date(2026, 1, 2)),
}))
print("null")`,
      env,
    );
    const [frame] = await listener.receive(1);
    expect(frame?.data).toEqual({
      product_id: "123e4567-e89b-12d3-a456-426614174000",
      ...{ old_price: 19.9, new_price: 0.3, whole: 12, small: 1e-7, large: 123456789012.34 },
      ...{ timestamp: "2026-11-22T10:15:30.123456", aware: "2026-11-22T10:15:30+00:00", day: "2026-11-22" },
      ...{ status: "active", text: "new", tags: ["one"], pair: [1, 2] },
      size: { width: 2.5, made: "2026-01-02" },
    });
    listener.close();
  });

  test("types that the shop declares are published like any other", async () => {
    const printed = await python.run(
      `
import json, tidings

data = {"product_id": "p", "quantity": 2}
print(json.dumps(tidings.Tidings().publish_product_update("stock_reserved", data)))`,
      env,
    );
    expect(printed).toMatchObject({ status: "applied" });
  });

  test("ids that are integers are sent as integers, and refused beyond 2^53", async () => {
    const orderId = crypto.randomUUID();
    const printed = await python.run(
      `
import json, os, tidings

client = tidings.Tidings()
order = {"user_id": 42, "status": "new", "payment_status": "new"}
client.publish_order_update(os.environ["ORDER_ID"], "order_created", {}, order=order)
client.publish_product_update("product_updated", {"product_id": 42})
try:
    client.publish_product_update("product_updated", {"product_id": 2**53})
except tidings.PublishError as error:
    print(json.dumps(error.errors[0]["field"]))`,
      { ...env, ORDER_ID: orderId },
    );
    expect(printed).toBe("data.product_id");
    expect(service.bodies.map((body) => JSON.parse(body))).toMatchObject([
      { order: { user_id: 42 } },
      { data: { product_id: 42 } },
    ]);
    const listener = await listenAt(service.url, `orders/${orderId}`, { subject: "42" });
    listener.close();
  });

  test("what JSON cannot carry without change is refused by its path, before it is sent", async () => {
    const result = await python.run(
      `
import decimal, fractions, json, tidings

D = decimal.Decimal
circular, deep = {}, []
circular["parent"] = [circular]
for _ in range(100_000):
    deep = [deep]

class Model:
    def model_dump(self):
        raise RuntimeError("secret")

refused = []
for value in (float("nan"), D("-Infinity"), D("sNaN"), [1, 2**53], 1e16, D("9007199254740993"), 10**5000, D("1E+999999"),
              D("0.1234567890123456789"), D(1) / D(3), D("1E-999"), b"bytes", {"a": object()}, fractions.Fraction(1, 3), int, {"a", "b"}, frozenset(),
              "a\\ud83d", {"\\ud83d": 1}, {None: 1}, {1: "a", "1": "b"}, circular, deep, Model()):
    try:
        tidings.Tidings().publish_product_update("product_updated", {"product_id": "a", "x": value}, id="mine")
    except tidings.PublishError as error:
        assert [error.status, error.is_retryable, error.ids] == [None, False, ["mine"]]
        assert error.type == "urn:tidings:problem:validation_failed" and len(error.errors) == 1
        refused.append(str(error))
try:
    tidings.Tidings().publish_order_update("123e4567-e89b-12d3-a456-426614174000", "order_created", {}, order=Model())
except tidings.PublishError as error:
    refused.append(str(error))
print(json.dumps(refused))`,
      env,
    );
    const beyond = "is an integer beyond 2^53, which JavaScript would change: send it as a string";
    const digits = "data.x: has more digits than JavaScript would keep: round it, or send it as a string";
    const types = "use a number, text, list or dict";
    expect(result).toEqual([
      ...["data.x: is not JSON (nan)", "data.x: is not JSON (-Infinity)", "data.x: is not JSON (sNaN)"],
      ...[`data.x[1]: ${beyond}`, `data.x: ${beyond}`, `data.x: ${beyond}`, `data.x: ${beyond}`, `data.x: ${beyond}`],
      ...[digits, digits, digits],
      ...[`data.x: is not JSON (bytes): ${types}`, `data.x.a: is not JSON (object): ${types}`],
      ...[`data.x: is not JSON (Fraction): ${types}`, `data.x: is not JSON (type): ${types}`],
      ...[`data.x: is not JSON (set): ${types}`, `data.x: is not JSON (frozenset): ${types}`],
      ...["data.x: is not JSON (half of a surrogate pair)", "data.x.\\ud83d: is not JSON (half of a surrogate pair)"],
      ...["data.x: has a key that is not text (NoneType)", "data.x: has two keys that are the same text"],
      ...["data.x.parent[0]: is not JSON (contains itself)"],
      ...["data: is not JSON (RecursionError while it was converted)"],
      ...["data: is not JSON (RuntimeError while it was converted)"],
      ...["order: is not JSON (RuntimeError while it was converted)"],
    ]);
    expect(service.bodies).toEqual([]);
  });

  test("text that cannot be encoded is refused wherever it stands, and every error carries the id", async () => {
    const result = await python.run(
      `
import asyncio, json, tidings
half, ok = "a\\ud83d", "123e4567-e89b-12d3-a456-426614174000"
sync, later = tidings.Tidings(), tidings.AsyncTidings()
order = {"user_id": half, "status": "paid", "payment_status": "paid"}
refused = []
for call in (
    lambda: sync.publish_order_update(half, "order_delivered", {}, id="mine"),
    lambda: sync.publish_order_update("17", "order_delivered", {}, id="mine"),
    lambda: sync.publish_order_update(None, "order_delivered", {}, id="mine"),
    lambda: asyncio.run(later.publish_order_update(None, "order_delivered", {}, id="mine")),
    lambda: sync.publish_order_update(ok, half, {}, id="mine"),
    lambda: sync.publish_order_update(ok, "order_delivered", {}, id="mine", order=order),
    lambda: sync.publish_batch([{"channel": half, "type": "product_deleted", "data": {}, "id": "mine"}]),
    lambda: sync.publish_batch([{"channel": "products", "type": "product_deleted", "data": {}, "id": "mine", half: 1}]),
    lambda: sync.publish_batch([{"channel": "products", "id": "mine"}]),
    lambda: asyncio.run(later.publish_product_update("product_deleted", {"product_id": half}, id="mine")),
):
    try:
        call()
    except tidings.PublishError as error:
        refused.append([error.errors[0]["field"], error.ids])
for events in ([{"channel": "products", "type": half, "data": {}}], [None]):
    try:
        sync.publish_batch(events)
    except tidings.PublishError as error:
        refused.append([error.errors[0]["field"], len(error.ids[0])])
print(json.dumps(refused))`,
      env,
    );
    const fields = ["order_id", "order_id", "order_id", "order_id", "type", "order.user_id"];
    const inBatch = ["events[0].channel", "events[0].a\ud83d", "events[0].type", "data.product_id"];
    expect(result).toEqual([
      ...[...fields, ...inBatch].map((field) => [field, ["mine"]]),
      ...["events[0].type", "events[0]"].map((field) => [field, 36]),
    ]);
    expect(service.bodies).toEqual([]);
  });

  test("a batch with one bad event sends nothing, names it, and carries every id", async () => {
    const result = await python.run(
      `
import asyncio, json, tidings
events = [{"channel": "products", "type": "product_deleted", "data": {"product_id": str(i)}, "id": f"e{i}"} for i in range(2500)]
events[1800]["data"]["old_price"] = float("nan")
events[2499]["data"]["note"] = "a\\ud83d"
raised = []
for publish in (tidings.Tidings().publish_batch, lambda events: asyncio.run(tidings.publish_batch(events))):
    try:
        publish(events)
    except tidings.PublishError as error:
        fields = [problem["field"] for problem in error.errors]
        raised.append([fields, error.ids == [event["id"] for event in events], error.is_retryable])
print(json.dumps(raised))`,
      env,
    );
    expect(result).toEqual(new Array(2).fill([["events[1800].data.old_price", "events[2499].data.note"], true, false]));
    expect(service.bodies).toEqual([]);
  });

  test("a batch whose second call fails names the ids of that call and of later ones", async () => {
    service.proxy.fault = "500";
    service.failOnly((number) => number > 1);
    const result = await python.run(
      `
import json, tidings
events = [{"channel": "products", "type": "product_deleted", "data": {"product_id": "a"}, "id": f"late-{i}"} for i in range(2100)]
try:
    tidings.Tidings(max_tries=1).publish_batch(events)
except tidings.PublishError as error:
    print(json.dumps([error.status, error.is_retryable, len(error.ids), error.ids[0], error.ids[-1]]))`,
      env,
    );
    expect(result).toEqual([500, true, 1100, "late-1000", "late-2099"]);
  });

  test("pydantic models of both major versions are converted, and only once", async () => {
    const listener = await listenAt(service.url, "products");
    await python.run(
      `
import decimal, tidings

class Two:
    def __init__(self, **fields):
        self.fields = fields
    def model_dump(self):
        return self.fields
    def dict(self):
        raise AssertionError("deprecated in pydantic 2")

class One:
    def __init__(self, **fields):
        self.fields = fields
    def dict(self):
        return self.fields

price = decimal.Decimal("9.90")
tidings.Tidings().publish_product_update("product_updated", One(
    product_id="a", two=Two(price=price, inner=[One(price=price)]), root=One(__root__=[1, One(price=price)]),
))
print("null")`,
      env,
    );
    expect((await listener.receive(1))[0]?.data).toEqual({
      product_id: "a",
      two: { price: 9.9, inner: [{ price: 9.9 }] },
      root: [1, { price: 9.9 }],
    });
    listener.close();
  });

  test("a call outside asyncio, as under trio, is refused before anything is sent", async () => {
    const result = await python.run(
      `
import json, tidings
refused = []
for call in (
    tidings.publish_product_update("product_deleted", {"product_id": "a"}, id="mine"),
    tidings.AsyncTidings().publish_order_update("123e4567-e89b-12d3-a456-426614174000", "order_delivered", {}, id="mine"),
    tidings.publish_batch([{"channel": "products", "type": "product_deleted", "data": {"product_id": "a"}, "id": "mine"}]),
):
    try:
        # Runs the call as any event loop would.
        call.send(None)
    except tidings.PublishError as error:
        refused.append([error.ids, "needs asyncio" in str(error), error.is_retryable])
print(json.dumps(refused))`,
      env,
    );
    expect(result).toEqual(new Array(3).fill([["mine"], true, false]));
    expect(service.bodies).toEqual([]);
  });

  test("lost answers are retried with the same id, and applied once", async () => {
    service.proxy.fault = "lose reply";
    service.failOnly((number) => number <= 2);
    const result = await python.run(
      `
import json, tidings
print(json.dumps(tidings.Tidings().publish_product_update("product_deleted", {"product_id": "a"})))`,
      env,
    );
    expect(result).toMatchObject({ status: "duplicate" });
    expect(new Set(service.bodies).size).toBe(1);
    expect(service.bodies).toHaveLength(3);
  });

  const FAILING = `
import json, os, tidings
try:
    tidings.Tidings(max_tries=2, deadline=5).publish_product_update("inventory_updated", {"product_id": "", "new_quantity": -1}, id="mine")
except tidings.PublishError as error:
    print(json.dumps([error.status, error.type, [e["field"] for e in error.errors], error.is_retryable, error.ids, str(error), repr(error.__dict__)]))`;

  test("a refusal is raised immediately, field by field", async () => {
    const [status, type, fields, isRetryable, ids, message] = (await python.run(FAILING, env)) as unknown[];
    expect([status, type, isRetryable, ids]).toEqual([422, "urn:tidings:problem:validation_failed", false, ["mine"]]);
    expect(fields).toEqual(["data.product_id", "data.new_quantity"]);
    expect(message).toMatch(/^Refused \(422\): Some fields are not valid\. data\.product_id: /);
    expect(service.bodies).toHaveLength(1);
  });

  test("a wrong key is refused, and the error does not contain it", async () => {
    const key = "wrong-publish-key-0123456789abcdef-wrong";
    const failure = (await python.run(FAILING, { ...env, TIDINGS_KEY: key })) as unknown[];
    expect(failure.slice(0, 2)).toEqual([401, "urn:tidings:problem:key_invalid"]);
    expect(JSON.stringify(failure)).not.toContain(key);
    expect(service.bodies).toHaveLength(1);
  });

  test("a redirect is not followed, so the key stays with its service", async () => {
    const server = createServer((_, response) => response.writeHead(302, { Location: service.proxyUrl }).end());
    const url = await listenOnLoopback(server);
    const [status, , , isRetryable] = (await python.run(FAILING, { ...env, TIDINGS_URL: url })) as unknown[];
    server.close();
    expect([status, isRetryable]).toEqual([302, false]);
    expect(service.requests).toEqual([]);
  });

  test("a refusal whose body breaks off is believed: the status and Retry-After have arrived", async () => {
    let requests = 0;
    const server = createServer((_, response) => {
      requests++;
      response.writeHead(429, { "Retry-After": "3600", "Content-Length": 100 });
      response.write("{", () => response.destroy());
    });
    const url = await listenOnLoopback(server);
    const [status, , , isRetryable] = (await python.run(FAILING, { ...env, TIDINGS_URL: url })) as unknown[];
    server.close();
    expect([status, isRetryable, requests]).toEqual([429, true, 1]);
  });

  test("an unreachable service is a retryable error", async () => {
    const gone = new FaultProxy(service.url);
    const url = await gone.listen();
    await gone.close();
    const [status, , , isRetryable, , message] = (await python.run(FAILING, { ...env, TIDINGS_URL: url })) as unknown[];
    expect([status, isRetryable]).toEqual([null, true]);
    expect(message).toMatch(/^Cannot reach http:\/\/127\.0\.0\.1:\d+: .*refused/);
  });

  test("an error without a text is named by its type, and the key in a text is replaced", async () => {
    const messages = await python.run(
      `
import json, os, tidings, urllib.error
messages = []
for error in (ConnectionResetError(), urllib.error.URLError(TimeoutError()), OSError(f"refused: {os.environ['TIDINGS_KEY']}")):
    client = tidings.Tidings("http://shop.example", max_tries=1)
    def fail(*_, error=error, **__):
        raise error
    tidings._opener().open = fail
    try:
        client.publish_product_update("product_deleted", {"product_id": "a"})
    except tidings.PublishError as failure:
        messages.append(str(failure))
print(json.dumps(messages))`,
      env,
    );
    const reasons = ["ConnectionResetError", "TimeoutError", "refused: [key]"];
    expect(messages).toEqual(reasons.map((reason) => `Cannot reach http://shop.example: ${reason}`));
  });

  test("a Retry-After of any form becomes a time that the system can sleep", async () => {
    const seconds = await python.run(
      `
import json, tidings
texts = ("3", "9" * 30, "Fri, 31 Dec 9999 23:59:59 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", "soon")
print(json.dumps([tidings._retry_after(text) for text in texts]))`,
      env,
    );
    expect(seconds).toEqual([3, 1e9, 1e9, 0, 0]);
  });

  test("a host name that cannot be looked up is an error that no retry repeats", async () => {
    const [status, , , isRetryable, ids] = (await python.run(FAILING, {
      ...env,
      TIDINGS_URL: "http://a..b",
    })) as unknown[];
    expect([status, isRetryable, ids]).toEqual([null, false, ["mine"]]);
  });

  test("an answer that is not Tidings' own is an error with the ids, whatever its form", async () => {
    const answers = [
      "[]",
      "{}",
      "null",
      '{"results":[1]}',
      '{"results":[{"error":1}]}',
      '{"results":[{"error":{"status":"x"}}]}',
      '!{"status":503,"title":"t","errors":[1]}',
      '!{"status":503,"title":"t","errors":null}',
    ];
    const server = createServer((request, response) => {
      request.resume();
      // The path begins with the number of the answer.
      const answer = answers[Number(request.url?.split("/")[1])] ?? "";
      response.writeHead(answer.startsWith("!") ? 503 : 200).end(answer.replace("!", ""));
    });
    const url = await listenOnLoopback(server);
    const outcomes = await python.run(
      `
import json, os, tidings
outcomes = []
for number in range(${answers.length}):
    tidings_ = tidings.Tidings(f"{os.environ['TIDINGS_URL']}/{number}", max_tries=1)
    outcome = []
    for publish in (lambda: tidings_.publish_product_update("product_deleted", {"product_id": "a"}, id="mine"),
                    lambda: tidings_.publish_batch([{"channel": "products", "type": "product_deleted", "data": {}, "id": "mine"}])):
        try:
            outcome.append([result["status"] for result in publish()])
        except tidings.PublishError as error:
            outcome.append(error.ids)
    outcomes.append(outcome)
print(json.dumps(outcomes))`,
      { ...env, TIDINGS_URL: url },
    );
    server.close();
    const unknown = [["mine"], ["mine"]];
    const rejected = [["mine"], ["rejected"]];
    expect(outcomes).toEqual([unknown, unknown, unknown, rejected, rejected, rejected, unknown, unknown]);
  });

  test("a timeout and a deadline may be infinite", async () => {
    const results = await python.run(
      `
import asyncio, json, math, tidings
limits = {"timeout": math.inf, "deadline": math.inf}
deleted = ("product_deleted", {"product_id": "a"})
print(json.dumps([
    tidings.Tidings(**limits).publish_product_update(*deleted),
    asyncio.run(tidings.AsyncTidings(**limits).publish_product_update(*deleted)),
]))`,
      env,
    );
    expect(results).toMatchObject([{ status: "applied" }, { status: "applied" }]);
  });

  test("missing or invalid settings are named, and not printed", async () => {
    const result = await python.run(`
import json, tidings
messages = []
for arguments in (("", "k"), ("tidings.example", "k"), ("http://x:99999", "k"), ("http://x\\n", "k"), ("http://[x", "k"),
                  ("http://x?", "k"), ("http://x#a", "k"), ("http://:p@x", "k"), ("http://x", ""), ("http://x", "two words")):
    try:
        tidings.Tidings(*arguments)
    except ValueError as error:
        messages.append(str(error))
for limit in ({"timeout": float("nan")}, {"deadline": -1}):
    try:
        tidings.Tidings("http://x", "k", **limit)
    except ValueError as error:
        messages.append(str(error))
print(json.dumps(messages))`);
    const named = [...new Array(8).fill("TIDINGS_URL"), "TIDINGS_KEY", "TIDINGS_KEY", "timeout", "deadline"];
    expect(result).toEqual(named.map((name) => expect.stringContaining(name)));
    expect(JSON.stringify(result)).not.toContain("two words");
  });

  test("a batch larger than one call is sent in order, past a bad event", async () => {
    const result = await python.run(
      `
import asyncio, json, tidings, uuid
channel = "order_" + str(uuid.uuid4())
events = [{"channel": channel, "type": "order_status_changed", "data": {"new_status": "s" * (i != 7)}} for i in range(1200)]
print(json.dumps(asyncio.run(tidings.publish_batch(events))))`,
      env,
    );
    const results = result as { status: string; seq?: number }[];
    expect(service.bodies.map((body) => JSON.parse(body).events.length)).toEqual([1000, 200]);
    expect(results[7]).toMatchObject({ id: expect.any(String), status: "rejected", error: { status: 422 } });
    const applied = results.filter(({ status }) => status === "applied");
    expect(applied.map(({ seq }) => seq)).toEqual(Array.from({ length: 1199 }, (_, i) => i + 1));
  });

  test("an event that is larger than a call stops no other event of its batch", async () => {
    const result = await python.run(
      `
import json, tidings
note = lambda id, length: {"channel": "products", "type": "product_deleted", "data": {"product_id": id, "note": "x" * length}, "id": id}
print(json.dumps(tidings.Tidings().publish_batch([note("a", 1), note("large", 1 << 20), note("b", 1)])))`,
      env,
    );
    const error = { type: "urn:tidings:problem:body_too_large", status: 413 };
    expect(result).toMatchObject([
      { status: "applied" },
      { id: "large", status: "rejected", error },
      { status: "applied" },
    ]);
  });

  test("a service that never answers delays nothing else, and every call ends at its own deadline", async () => {
    service.proxy.fault = "hang";
    const result = await python.run(
      `
import asyncio, json, threading, time
from tidings import AsyncTidings, PublishError

async def failing(tidings, id):
    try:
        await tidings.publish_product_update("product_deleted", {"product_id": "a"}, id=id)
    except PublishError as error:
        return [error.status, error.is_retryable, error.ids == [id]]

def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("tidings")]

async def main():
    began = time.monotonic()
    patient, hasty = AsyncTidings(deadline=3), AsyncTidings(deadline=1)
    first = [asyncio.create_task(failing(patient, f"first-{i}")) for i in range(16)]
    await asyncio.sleep(0)
    behind = [asyncio.create_task(failing(hasty, f"behind-{i}")) for i in range(24)]
    await asyncio.sleep(0.2)
    busy = len(threads())
    asked = time.monotonic()
    await asyncio.get_running_loop().run_in_executor(None, lambda: None)
    delay = time.monotonic() - asked
    failures = await asyncio.gather(*behind)
    overtook = not any(call.done() for call in first)
    failures += await asyncio.gather(*first)
    took = time.monotonic() - began
    while threads():
        await asyncio.sleep(0.05)
    print(json.dumps({"failures": failures, "overtook": overtook, "busy": busy, "delay": delay, "took": took}))

asyncio.run(main())`,
      env,
    );
    const { failures, overtook, busy, delay, took } = result as Record<"busy" | "delay" | "took", number> & {
      failures: unknown[];
      overtook: boolean;
    };
    expect(failures).toEqual(new Array(40).fill([null, true, true]));
    expect([overtook, busy]).toEqual([true, 16]);
    expect(delay).toBeLessThan(1);
    // Three seconds, on a slow machine.
    expect(took).toBeLessThan(8);
    // Calls that got no thread in time were never sent.
    expect(service.bodies.filter((body) => JSON.parse(body).id.startsWith("behind"))).toEqual([]);
  });

  test("an answer that never ends delays neither a call nor the interpreter's exit beyond the deadline", async () => {
    const server = createServer((_, response) => {
      const timer = setInterval(() => response.write(" "), 50);
      response.on("close", () => clearInterval(timer));
    });
    const url = await listenOnLoopback(server);
    const began = Date.now();
    try {
      const result = await python.run(
        `
import asyncio, json
from tidings import AsyncTidings, PublishError

async def main():
    abandoned = asyncio.create_task(AsyncTidings(deadline=4).publish_product_update("product_deleted", {"product_id": "a"}))
    try:
        await AsyncTidings(deadline=1).publish_product_update("product_deleted", {"product_id": "b"}, id="mine")
    except PublishError as error:
        print(json.dumps([error.status, error.is_retryable, error.ids, abandoned.done()]))

asyncio.run(main())`,
        { ...env, TIDINGS_URL: url },
      );
      expect(result).toEqual([null, true, ["mine"], false]);
      // Four seconds, on a slow machine that also starts Python.
      expect(Date.now() - began).toBeLessThan(20_000);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  test("an event is published as it was at the call", async () => {
    await python.run(
      `
import asyncio, tidings

async def publish():
    data = {"product_id": "before"}
    publishing = asyncio.ensure_future(tidings.publish_product_update("product_deleted", data))
    await asyncio.sleep(0)
    data["product_id"] = "after"
    await publishing

async def main():
    await asyncio.gather(*(publish() for _ in range(40)))
    print("null")

asyncio.run(main())`,
      env,
    );
    expect(service.bodies.map((body) => JSON.parse(body).data.product_id)).toEqual(new Array(40).fill("before"));
  });

  test("a process that forks while all threads are busy gets threads of its own", async () => {
    service.proxy.fault = "hang";
    service.proxy.applies = (body) => !body.includes("child");
    const result = await python.run(
      `
import asyncio, json, os, warnings
from tidings import AsyncTidings

# Newer versions warn about forking a process with threads.
warnings.simplefilter("ignore")

async def fork():
    publish = AsyncTidings(deadline=2).publish_product_update
    calls = [asyncio.ensure_future(publish("product_deleted", {"product_id": "parent"})) for _ in range(16)]
    await asyncio.sleep(0.1)
    child = os.fork()
    if child:
        await asyncio.gather(*calls, return_exceptions=True)
    return child

loop = asyncio.new_event_loop()
child = loop.run_until_complete(fork())
if child:
    loop.close()
    print(json.dumps(os.waitpid(child, 0)[1]))
else:
    publishing = AsyncTidings(deadline=5).publish_product_update("product_deleted", {"product_id": "child"})
    os._exit(0 if asyncio.run(publishing)["status"] == "applied" else 1)`,
      env,
    );
    expect(result).toBe(0);
  });
});
