import { listDurableObjectIds, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, test } from "vitest";
import { app } from "../../src/edge/app.ts";
import { connect, ORIGIN, registerOrder, request } from "../support/service.ts";
import { TestSocket } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
const encode = (value: unknown) => btoa(JSON.stringify(value)).replace(/=+$/, "");

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

  test("a bad token in the first place is not mended by a good one in the next", async () => {
    const socket = await connect("products", { token: await mintToken(), headers: { Authorization: "Bearer bad" } });
    expect((await socket.closed()).code).toBe(4001);
  });
});

describe("a bad token closes 4001 and reaches no object", async () => {
  const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
  const spki = await exportSPKI(publicKey);
  const payload = { sub: "alice", exp: inSeconds(600) };
  const good = await mintToken();

  const bad: Record<string, string> = {
    expired: await mintToken({ expiresIn: -1 }),
    "not yet valid": await mintToken({ claims: { nbf: inSeconds(60) } }),
    "wrong signature": await mintToken({ secret: "another-secret-of-sufficient-length-0123456789" }),
    "altered payload": good.replace(/\.[^.]+\./, `.${encode({ ...payload, sub: "root" })}.`),
    "alg: none": new UnsecuredJWT(payload).encode(),
    "alg: none with the good signature": good.replace(/^[^.]+/, encode({ alg: "none" })),
    "an algorithm that is not on the list": await mintToken({ algorithm: "HS512" }),
    "RS256, signed by somebody's own key": await new SignJWT(payload)
      .setProtectedHeader({ alg: "RS256", jwk: await exportJWK(publicKey) })
      .sign(privateKey),
    "HS/RS confusion: HS256 with a public key as the secret": await mintToken({ secret: spki }),
    "missing sub": await mintToken({ claims: { sub: undefined } }),
    "sub that is no text": await mintToken({ claims: { sub: 42 } }),
    "empty sub": await mintToken({ claims: { sub: "" } }),
    "sub longer than a socket can keep": await mintToken({ subject: "a".repeat(257) }),
    "missing exp": await mintToken({ claims: { exp: undefined } }),
    "exp that is no number": await mintToken({ claims: { exp: "tomorrow" } }),
    empty: "",
    "10 KB long": await mintToken({ claims: { padding: "x".repeat(10_000) } }),
    "not a token": "abc",
    "dots alone": "..",
    "encrypted, not signed": `${good}.x.y`,
  };

  for (const [name, token] of Object.entries(bad)) {
    test(name, async () => {
      const orders = await listDurableObjectIds(env.ORDER_CHANNEL);
      const products = await listDurableObjectIds(env.PRODUCTS_CHANNEL);
      for (const path of [`orders/${crypto.randomUUID()}`, "products"]) {
        const socket = await connect(path, { token });
        const { code, reason } = await socket.closed();
        expect(code).toBe(4001);
        expect(reason).toMatch(/^(Authentication required|Invalid token|Token expired)$/);
        await expect(socket.text()).rejects.toThrow("no message came");
      }
      expect(await listDurableObjectIds(env.ORDER_CHANNEL)).toEqual(orders);
      expect(await listDurableObjectIds(env.PRODUCTS_CHANNEL)).toEqual(products);
    });
  }
});

describe("an exp that nobody meant", () => {
  for (const [name, exp] of [
    ["in milliseconds", Date.now() + 3_600_000],
    ["beyond any number", 1e300],
  ] as const) {
    test(`${name} is taken, and the channel's upkeep goes on for the others`, async () => {
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

describe("issuer and audience, when they are configured", () => {
  const strict = { ...env, JWT_ISSUER: "https://login.shop.example", JWT_AUDIENCE: "tidings" };
  const cases: [string, Record<string, unknown>, boolean][] = [
    ["both right", { iss: "https://login.shop.example", aud: "tidings" }, true],
    ["the audience in a list", { iss: "https://login.shop.example", aud: ["web", "tidings"] }, true],
    ["wrong issuer", { iss: "https://evil.example", aud: "tidings" }, false],
    ["wrong audience", { iss: "https://login.shop.example", aud: "another" }, false],
    ["no issuer", { aud: "tidings" }, false],
    ["no audience", { iss: "https://login.shop.example" }, false],
  ];
  for (const [name, claims, isGood] of cases) {
    test(`${name}: ${isGood ? "accepted" : "4001"}`, async () => {
      const token = await mintToken({ claims });
      const url = `${ORIGIN}/api/v1/ws/products?token=${token}`;
      const socket = new TestSocket(await app.fetch(new Request(url, { headers: { Upgrade: "websocket" } }), strict));
      if (isGood) expect((await socket.frame()).type).toBe("connection_established");
      else expect(await socket.closed()).toEqual({ code: 4001, reason: "Invalid token" });
    });
  }
});

describe("over HTTP", () => {
  test("a bad token is 401 with a challenge, and says no more than that", async () => {
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
