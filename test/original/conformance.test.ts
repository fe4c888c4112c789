import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { eventually } from "../support/eventually.ts";
import { mintToken } from "../support/tokens.ts";
import { DIFFERENCES } from "./differences.ts";
import { HTTP_EXCHANGES, type Received, SOCKET_EXCHANGES, type SocketRequest, type Token } from "./exchanges.ts";
import { canRunSideBySide, SideBySide } from "./side-by-side.ts";
import { withoutAdded } from "./without-added.ts";

/** Every exchange has the same outcome with the original service and with Tidings, except for the listed differences. */

const TOKENS: Record<Token, () => Promise<string>> = {
  owner: () => mintToken({ subject: "alice" }),
  customer: () => mintToken({ subject: "bob" }),
  admin: () => mintToken({ subject: "root", role: "admin" }),
  garbage: async () => "garbage",
  forged: () => mintToken({ secret: "another-secret-that-verifies-nothing-either" }),
  expired: () => mintToken({ expiresIn: -60 }),
  anonymous: () => mintToken({ claims: { sub: undefined } }),
  endless: () => mintToken({ claims: { exp: undefined } }),
};

describe.skipIf(!canRunSideBySide("conformance with the original"))("the same outcome", () => {
  let services: SideBySide;
  beforeAll(async () => {
    services = await SideBySide.start();
  });
  afterAll(() => services.stop());

  const open: Client[] = [];
  afterEach(() => {
    for (const client of open.splice(0)) client.close();
  });
  const connect = async (url: string, request: SocketRequest) => {
    const client = new Client(url, request, request.token && (await TOKENS[request.token]()));
    open.push(client);
    return client;
  };

  for (const { name, received, differs, ...request } of SOCKET_EXCHANGES) {
    test(`${name}${differs ? `, but for ${differs.as}` : ""}`, async () => {
      const { original, tidings } = services.urls;
      await (await connect(original, request)).expect(received);
      await (await connect(tidings, request)).expect(differs?.received ?? received);
    });
  }

  for (const { name, path, listeners, received, differs } of HTTP_EXCHANGES) {
    test(`${name}${differs ? `, but for ${differs.as}` : ""}`, async () => {
      for (const [service, url] of Object.entries(services.urls)) {
        for (const request of listeners) await (await connect(url, request)).opened;
        const expected = (service === "tidings" && differs?.received) || received;
        await eventually(async () => {
          const response = await fetch(`${url}/api/v1/${path}`);
          const body = expected.body === undefined ? undefined : await response.json();
          expect({ status: response.status, body }).toEqual({ body: undefined, ...expected });
        });
      }
    });
  }
});

test("every listed difference is one that an exchange has", () => {
  const played = [...SOCKET_EXCHANGES, ...HTTP_EXCHANGES].flatMap(({ differs }) => differs?.as ?? []);
  expect(Object.keys(DIFFERENCES).sort()).toEqual([...new Set(played)].sort());
});

/** A client in Node, which may send an `Origin`. */
class Client {
  readonly opened: Promise<unknown>;
  readonly #socket: WebSocket;
  readonly #received: Received = {};

  constructor(url: string, { path, origin, send = [] }: SocketRequest, token: string | undefined) {
    const query = token === undefined ? "" : `?token=${token}`;
    this.#socket = new WebSocket(`${url.replace("http", "ws")}/api/v1/ws/${path}${query}`, origin ? { origin } : {});
    this.opened = once(this.#socket, "message");
    this.#socket.once("message", () => {
      for (const text of send) this.#socket.send(text);
    });
    this.#socket.on("error", ({ message }) => Object.assign(this.#received, { error: message }));
    this.#socket.on("message", (data) => {
      this.#received.messages = [...(this.#received.messages ?? []), withoutAdded(String(data))];
    });
    this.#socket.on("close", (code) => Object.assign(this.#received, { code }));
  }

  /** Expects that it receives this, and nothing else before the answer to a ping. */
  async expect({ messages, code }: Received): Promise<void> {
    await eventually(() => expect(this.#received).toEqual({ ...(messages && { messages }), ...(code && { code }) }));
    if (code !== undefined) return;
    this.#socket.send("ping");
    await eventually(() => expect(this.#received).toEqual({ messages: [...(messages ?? []), "pong"] }));
  }

  close(): void {
    this.#socket.close();
  }
}
