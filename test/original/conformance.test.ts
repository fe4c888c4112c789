import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { OriginalClient } from "./client.ts";
import { DIFFERENCES, type DifferenceName } from "./differences.ts";
import {
  CUSTOMER,
  EVENT_EXCHANGES,
  type EventFrame,
  HTTP_EXCHANGES,
  type Outcome,
  OWNER,
  SOCKET_EXCHANGES,
  type SocketRequest,
} from "./exchanges.ts";
import { canRunSideBySide, ORDER, type ServiceName, SideBySide } from "./side-by-side.ts";

/** Every exchange has the same outcome with the original service and with Tidings, except for the listed differences. */

const MAX_CONNECTIONS = 3;

/** The differences that some test shows. */
const shown = new Set<DifferenceName>();
const titleOf = (name: string, difference?: DifferenceName): string => {
  if (difference === undefined) return name;
  shown.add(difference);
  return `${name} (${difference})`;
};
const outcomeAt = <T>(service: ServiceName, { received, differs }: Outcome<T>): T =>
  service === "tidings" && differs ? differs.received : received;

describe.skipIf(!canRunSideBySide("conformance with the original"))("the same outcome, or a listed difference:", () => {
  let services: SideBySide;
  beforeAll(async () => {
    services = await SideBySide.start({ RATE_LIMITS: "", MAX_CONNECTIONS_PER_USER: String(MAX_CONNECTIONS) });
  });
  afterAll(() => services?.stop());

  const clients: OriginalClient[] = [];
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  const connect = async (service: ServiceName, request: SocketRequest) => {
    const client = await OriginalClient.connect(services.urls[service], request);
    clients.push(client);
    return client;
  };
  /** Runs the same with both services. */
  const withBoth = async (play: (service: ServiceName) => Promise<void>) => {
    await play("original");
    await play("tidings");
  };

  for (const { name, send = [], ...exchange } of SOCKET_EXCHANGES) {
    test(titleOf(name, exchange.differs?.as), () =>
      withBoth(async (service) => {
        const client = await connect(service, exchange);
        for (const text of send) client.send(text);
        await client.expect(outcomeAt(service, exchange));
      }),
    );
  }

  for (const { name, path, listeners, ...exchange } of HTTP_EXCHANGES) {
    test(titleOf(name, exchange.differs?.as), () =>
      withBoth(async (service) => {
        for (const request of listeners) await connect(service, request);
        const expected = outcomeAt(service, exchange);
        await eventually(async () => {
          const response = await fetch(`${services.urls[service]}/api/v1/${path}`);
          expect(response.status).toBe(expected.status);
          if (expected.body) expect(await response.json()).toEqual(expected.body);
        });
      }),
    );
  }

  describe("events", () => {
    const frames: Partial<Record<ServiceName, EventFrame[]>> = {};
    beforeAll(async () => {
      // Each event names its exchange. The last one of each channel shows that everything has arrived.
      const events = EVENT_EXCHANGES.map(({ name, channel, type, data }) => ({
        order_id: channel === "order" ? ORDER : null,
        type,
        data: { ...data, exchange: name },
      }));
      const last = [
        { order_id: ORDER, type: "order_delivered", data: { exchange: "last" } },
        { order_id: null, type: "product_updated", data: { exchange: "last", product_id: "p-1" } },
      ];
      const listeners: [ServiceName, OriginalClient][] = [];
      await withBoth(async (service) => {
        for (const request of [OWNER, CUSTOMER]) listeners.push([service, await connect(service, request)]);
      });
      for (const [, client] of listeners) await eventually(() => expect(client.frames).toHaveLength(1));
      await services.original.publish([...events, ...last]);
      for (const [service, client] of listeners) {
        await eventually(() => expect(client.frames.at(-1)?.data.exchange).toBe("last"));
        frames[service] = [...(frames[service] ?? []), ...client.frames];
      }
    });

    for (const { name, ...exchange } of EVENT_EXCHANGES) {
      test(titleOf(name, exchange.differs?.as), () =>
        withBoth(async (service) => {
          const expected = outcomeAt(service, exchange);
          const received = frames[service]?.filter(({ data }) => data.exchange === name);
          expect(received).toEqual(expected.map(({ type, data }) => ({ type, data: { ...data, exchange: name } })));
        }),
      );
    }
  });

  test(titleOf("an order that changed without an event", "state"), async () => {
    await services.original.run(`from app.orders import save_order\nsave_order("${ORDER}", "alice", "returned")`);
    await withBoth(async (service) => {
      const client = await connect(service, OWNER);
      const current_status = service === "original" ? "returned" : "delivered";
      await eventually(() => expect(client.frames).toMatchObject([{ data: { current_status } }]));
    });
  });

  test(titleOf("a token that ends while its client listens", "token_end"), async () => {
    const ending: SocketRequest = { ...OWNER, token: "ending" };
    const [original, tidings] = [await connect("original", ending), await connect("tidings", ending)];
    const publish = () => services.original.publish([{ order_id: ORDER, type: "order_shipped", data: {} }]);
    await eventually(async () => {
      await publish();
      // The runtime ends the connection only when the channel hibernates, and `ws` reports the code only then.
      expect(tidings.isOpen).toBe(false);
    });
    await publish();
    await eventually(() => expect(original.frames.length).toBeGreaterThan(tidings.frames.length));
    expect(original.isOpen).toBe(true);
  });

  test(titleOf("many sockets of one user", "connections"), async () => {
    await withBoth(async (service) => {
      for (let i = 0; i <= MAX_CONNECTIONS; i++) await connect(service, OWNER);
      const isClosed = service === "tidings";
      await eventually(() => {
        expect(clients.every(({ received }) => received.messages.length > 0 || received.code !== null)).toBe(true);
        expect(clients.flatMap(({ received }) => received.code ?? [])).toEqual(isClosed ? [4110] : []);
      });
    });
  });
});

test("every listed difference is shown", () => {
  expect([...shown].sort()).toEqual(Object.keys(DIFFERENCES).sort());
});
