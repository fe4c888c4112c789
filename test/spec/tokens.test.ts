import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { connect, registerOrder, request } from "../support/service.ts";
import { mintToken } from "../support/tokens.ts";

describe("credentials, first found wins", () => {
  test("Authorization: Bearer", async () => {
    const socket = await connect("products", { headers: { Authorization: `Bearer ${await mintToken()}` } });
    expect((await socket.frame()).type).toBe("connection_established");
  });

  test("Sec-WebSocket-Protocol: tidings.v1, bearer.<jwt>; the answer never repeats the token", async () => {
    const socket = await connect("products", {
      headers: { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${await mintToken()}` },
    });
    expect((await socket.frame()).type).toBe("connection_established");
    expect(socket.headers.get("Sec-WebSocket-Protocol")).toBe("tidings.v1");
  });

  test("?token=", async () => {
    const socket = await connect("products", { token: await mintToken() });
    expect((await socket.frame()).type).toBe("connection_established");
    expect(socket.headers.get("Sec-WebSocket-Protocol")).toBeNull();
  });

  test("a bad token in the first place is refused, even with a good one in the next", async () => {
    const socket = await connect("products", { token: await mintToken(), headers: { Authorization: "Bearer bad" } });
    expect((await socket.closed()).code).toBe(4001);
  });
});

describe("an implausible exp", () => {
  for (const [name, exp] of [
    ["in milliseconds", Date.now() + 3_600_000],
    ["beyond any number", 1e300],
  ] as const) {
    test(`${name} is accepted, and the channel's alarm still fires in time for others`, async () => {
      const id = await registerOrder();
      const odd = await connect(`orders/${id}`, { token: await mintToken({ claims: { exp } }) });
      expect((await odd.frame()).type).toBe("connection_established");
      const alarm = await runInDurableObject(env.ORDER_CHANNEL.getByName(`order_${id}`), (_, { storage }) =>
        storage.getAlarm(),
      );
      expect(alarm).toBeLessThanOrEqual(Date.UTC(2100));
    });
  }
});

describe("over HTTP", () => {
  test("a bad token is answered 401 with a challenge and no details", async () => {
    const id = await registerOrder();
    const response = await request(`/api/v1/orders/${id}`, {
      headers: {
        Authorization: `Bearer ${await mintToken({ secret: "another-secret-of-sufficient-length-0123456789" })}`,
      },
    });
    expect(response.status).toBe(401);
    expect(response.headers.get("WWW-Authenticate")).toBe("Bearer");
    expect(await response.json()).toEqual({
      type: "urn:tidings:problem:token_invalid",
      title: "Invalid token",
      status: 401,
    });
  });
});
