import { listDurableObjectIds } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { createHmac } from "node:crypto";
import { decodeJwt, exportJWK, exportSPKI, SignJWT, UnsecuredJWT } from "jose";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { app } from "../../src/edge/app.ts";
import { connect, listen, ORIGIN, registerOrder, request, serviceRequest } from "../support/service.ts";
import { makeKey, signWith } from "../support/signing-keys.ts";
import { PUBLISH_KEY, SCOPED_KEYS, TEST_ENV } from "../support/test-env.ts";
import { TestSocket } from "../support/test-socket.ts";
import { adminToken, mintToken } from "../support/tokens.ts";
import { signatureOf } from "../support/webhook-signature.ts";

/** Attacks with tokens, keys and signatures, and how each is refused. */

const SECRET = TEST_ENV.JWT_SECRET;
const ISSUER = "https://login.shop.example";
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
const base64url = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** Builds a token by hand, with any header, payload and secret; no library would. */
function forge(header: unknown, payload: unknown, secret = SECRET): string {
  const signed = `${base64url(header)}.${base64url(payload)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

const HS256 = { alg: "HS256", typ: "JWT" };
const claims = { sub: "alice", exp: inSeconds(600) };
const good = forge(HS256, claims);
const [goodHeader, goodPayload, goodSignature] = good.split(".");

const loginKey = await makeKey("RS256", "login-1");
const ownKey = await makeKey("RS256", "own");
const ownEcKey = await makeKey("ES256", "login-1");
const publicPem = await exportSPKI(loginKey.publicKey);
const publicJwk = JSON.stringify(await exportJWK(loginKey.publicKey));
const signedByOwnKey = (header: Record<string, unknown>) =>
  new SignJWT(claims).setProtectedHeader({ alg: "RS256", ...header }).sign(ownKey.privateKey);

/** Settings with both a secret and a JWKS, so that an attack can try to confuse the two kinds of keys. */
const there = {
  ...env,
  JWT_ALGORITHMS: "HS256,RS256,ES256",
  JWKS_URL: "https://login.example/attacks/jwks.json",
};
/** The same with keys that are not cached yet, so that an unknown kid is refused at once. */
const withNewKeys = () => ({ ...there, JWKS_URL: `https://login.example/attacks/${crypto.randomUUID()}/jwks.json` });
const strict = { ...there, JWT_ISSUER: ISSUER, JWT_AUDIENCE: "tidings" };

let fetched: string[];
beforeEach(() => {
  fetched = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    fetched.push(String(input));
    return Response.json({ keys: [loginKey.publicJwk] });
  });
  return () => vi.restoreAllMocks();
});

const socketAt = async (path: string, token: string, settings: typeof env = there) => {
  const url = `${ORIGIN}/api/v1/ws/${path}?${new URLSearchParams({ token })}`;
  return new TestSocket(await app.fetch(new Request(url, { headers: { Upgrade: "websocket" } }), settings));
};

test("the tokens that the attacks are made from are accepted", async () => {
  for (const token of [good, await signWith(loginKey)]) {
    expect((await (await socketAt("products", token)).frame()).type).toBe("connection_established");
  }
  const strictClaims = { ...claims, iss: ISSUER, aud: "tidings" };
  expect((await (await socketAt("products", forge(HS256, strictClaims), strict)).frame()).type).toBe(
    "connection_established",
  );
});

describe("[promise 7] a bad token is refused everywhere (4001, 401) and creates no object:", () => {
  const bad: Record<string, string | Promise<string>> = {
    // The algorithm
    "alg: none": new UnsecuredJWT(claims).encode(),
    "alg: none with the good signature": `${base64url({ alg: "none" })}.${goodPayload}.${goodSignature}`,
    "alg: NoNe": `${base64url({ alg: "NoNe" })}.${goodPayload}.`,
    "no alg": forge({ typ: "JWT" }, claims),
    "alg that is a list": forge({ alg: ["HS256"] }, claims),
    "alg in lower case": forge({ alg: "hs256" }, claims),
    "alg that every object inherits": forge({ alg: "constructor" }, claims),
    "an algorithm that is not listed": mintToken({ algorithm: "HS512" }),
    "HS256 with the JWKS's public key as PEM for the secret": forge({ ...HS256, kid: "login-1" }, claims, publicPem),
    "… without its final newline": forge({ ...HS256, kid: "login-1" }, claims, publicPem.trim()),
    "HS256 with the public key as JWK for the secret": forge({ ...HS256, kid: "login-1" }, claims, publicJwk),
    "HS256 with the public key's modulus for the secret": forge(HS256, claims, String(loginKey.publicJwk.n)),
    "RS256 with an HMAC for the signature": forge({ alg: "RS256", kid: "login-1" }, claims),
    "HS256 with an empty secret": forge(HS256, claims, ""),
    "HS256 with a guessed secret": forge(HS256, claims, "secret"),
    "HS256 with a truncated secret": forge(HS256, claims, SECRET.slice(0, -1)),
    "HS256 with the secret and a newline": forge(HS256, claims, `${SECRET}\n`),
    "HS256 with a publish key for the secret": forge(HS256, claims, PUBLISH_KEY),

    // The key
    "RS256, signed with the attacker's key": signedByOwnKey({}),
    "… and the kid of the real key": signedByOwnKey({ kid: "login-1" }),
    "… and the attacker's key in the header (jwk)": signedByOwnKey({ kid: "login-1", jwk: ownKey.publicJwk }),
    "… and its URL in the header (jku)": signedByOwnKey({ kid: "own", jku: "https://evil.example/jwks.json" }),
    "… and its certificate in the header (x5u, x5c)": signedByOwnKey({
      x5u: "https://evil.example/cert",
      x5c: ["MIIB"],
    }),
    "ES256 with the kid of an RSA key": signWith(ownEcKey),
    "kid that is a path": signedByOwnKey({ kid: "../../../../dev/null" }),
    "kid that is a URL": signedByOwnKey({ kid: "https://evil.example/key" }),
    "kid that is SQL": signedByOwnKey({ kid: "' UNION SELECT 'secret' --" }),
    "kid that every object inherits": signedByOwnKey({ kid: "__proto__" }),
    "HS256 with a kid that points at an empty file": forge({ ...HS256, kid: "/dev/null" }, claims, "\0"),

    // The header
    "an unknown crit": forge({ ...HS256, crit: ["exp-policy"], "exp-policy": 1 }, claims),
    "b64: false": forge({ ...HS256, crit: ["b64"], b64: false }, claims),
    "a header that is not an object": forge("[]", claims),
    "a header that is not JSON": forge("HS256", claims),

    // The shape
    "altered payload": `${goodHeader}.${base64url({ ...claims, sub: "root" })}.${goodSignature}`,
    "a second sub added to the payload": `${goodHeader}.${base64url(
      `${JSON.stringify(claims).slice(0, -1)},"sub":"root"}`,
    )}.${goodSignature}`,
    "truncated signature": good.slice(0, -1),
    "no signature": `${goodHeader}.${goodPayload}.`,
    "two segments": `${goodHeader}.${goodPayload}`,
    "four segments": `${good}.x`,
    "an encrypted token": `${good}.x.y`,
    "only dots": "..",
    "not a token": "abc",
    empty: "",
    "white space within": good.replace(".", ". "),
    "white space at the end": `${good} `,
    "a newline at the end": `${good}\n`,
    "padding at the end": `${good}=`,
    "full-width dots": good.replaceAll(".", "．"),
    "a Cyrillic letter in the signature": `${good.slice(0, -1)}а`,
    "a NUL at the end": `${good}\0`,
    "10 KB long": forge(HS256, { ...claims, padding: "x".repeat(10_000) }),
    "a megabyte long": "a".repeat(2 ** 20),

    // The claims
    expired: forge(HS256, { ...claims, exp: inSeconds(-1) }),
    "not yet valid": forge(HS256, { ...claims, nbf: inSeconds(3600) }),
    "nbf that is not a number": forge(HS256, { ...claims, nbf: "now" }),
    "missing exp": forge(HS256, { sub: "alice" }),
    "exp that is text": forge(HS256, { ...claims, exp: String(inSeconds(600)) }),
    "exp that is a word": forge(HS256, { ...claims, exp: "tomorrow" }),
    "exp that is null": forge(HS256, { ...claims, exp: null }),
    "exp that is a list": forge(HS256, { ...claims, exp: [inSeconds(600)] }),
    "exp that is beyond JSON's numbers": forge(HS256, `{"sub":"alice","exp":-1e999}`),
    "missing sub": forge(HS256, { exp: inSeconds(600) }),
    "empty sub": forge(HS256, { ...claims, sub: "" }),
    "sub that is a fraction": forge(HS256, { ...claims, sub: 42.5 }),
    "sub that is a number beyond exact integers": forge(HS256, `{"sub":9007199254740993,"exp":${claims.exp}}`),
    "sub that is an object": forge(HS256, { ...claims, sub: { toString: "alice" } }),
    "sub that is a list": forge(HS256, { ...claims, sub: ["alice"] }),
    "sub longer than a socket attachment can hold": forge(HS256, { ...claims, sub: "a".repeat(257) }),
    "a payload that is a list": forge(HS256, [claims]),
    "a payload that is not JSON": forge(HS256, "alice"),

    // Other credentials
    "a publish key": PUBLISH_KEY,
    "a publish key that may only read": SCOPED_KEYS.read,
    "the secret itself": SECRET,
    "a ticket made with the secret itself": forge(
      { alg: "HS256", typ: "tidings-ticket+jwt" },
      { ...claims, sub: "ticket:1", aud: "tidings-ticket", order: crypto.randomUUID(), series: "a" },
    ),
    "… with typ in other case": forge(
      { typ: "TIDINGS-ticket+jwt", alg: "HS256" },
      { ...claims, sub: "ticket:1", aud: "tidings-ticket", order: crypto.randomUUID(), series: "a" },
    ),
  };

  for (const [name, attack] of Object.entries(bad)) {
    test(name, async () => {
      const token = await attack;
      const orders = await listDurableObjectIds(env.ORDER_CHANNEL);
      const products = await listDurableObjectIds(env.PRODUCTS_CHANNEL);
      const id = crypto.randomUUID();
      for (const path of [`orders/${id}`, "products"]) {
        const socket = await socketAt(path, token, withNewKeys());
        const { code, reason } = await socket.closed();
        expect(code).toBe(4001);
        expect(reason).toMatch(/^(Authentication required|Invalid token|Token too long|Token expired)$/);
        await expect(socket.text()).rejects.toThrow("no message came");
      }
      // A header value cannot hold newlines or characters outside Latin-1, and loses trailing white space.
      if (
        /^[\x20-\x7e]*$/.test(token) &&
        token === token.trim() &&
        !Object.values({ PUBLISH_KEY, ...SCOPED_KEYS }).includes(token)
      ) {
        const init = { headers: { Authorization: `Bearer ${token}` } };
        expect((await app.fetch(new Request(`${ORIGIN}/api/v1/orders/${id}`, init), withNewKeys())).status).toBe(401);
      }
      expect(await listDurableObjectIds(env.ORDER_CHANNEL)).toEqual(orders);
      expect(await listDurableObjectIds(env.PRODUCTS_CHANNEL)).toEqual(products);
      expect(fetched.filter((url) => !/^https:\/\/login\.example\/attacks\/[\w-]+\/jwks\.json$/.test(url))).toEqual([]);
    });
  }

  const elsewhere: Record<string, Record<string, unknown>> = {
    "wrong issuer": { iss: "https://evil.example", aud: "tidings" },
    "an issuer with an extra slash": { iss: `${ISSUER}/`, aud: "tidings" },
    "an issuer in a list": { iss: [ISSUER, "https://evil.example"], aud: "tidings" },
    "no issuer": { aud: "tidings" },
    "wrong audience": { iss: ISSUER, aud: "another" },
    "an audience that contains it": { iss: ISSUER, aud: "tidings-admin" },
    "an audience that is an object": { iss: ISSUER, aud: { tidings: true } },
    "no audience": { iss: ISSUER },
  };
  for (const [name, more] of Object.entries(elsewhere)) {
    test(name, async () => {
      const socket = await socketAt("products", forge(HS256, { ...claims, ...more }), strict);
      expect(await socket.closed()).toEqual({ code: 4001, reason: "Invalid token" });
    });
  }
});

describe("a valid token with forged claims has only a user's rights (4003):", () => {
  const tricks: Record<string, unknown> = {
    "role that is an object": { ...claims, role: { admin: true } },
    "role that is a list in a list": { ...claims, role: [["admin"]] },
    "role that is true": { ...claims, role: true },
    "role in other case": { ...claims, role: "Admin" },
    "role with white space": { ...claims, role: "admin " },
    "role with a Cyrillic letter": { ...claims, role: "аdmin" },
    "roles in one comma-separated text": { ...claims, role: "user,admin" },
    "roles in other claims": { ...claims, roles: ["admin"], isAdmin: true, admin: true },
    "role in __proto__": `${JSON.stringify(claims).slice(0, -1)},"__proto__":{"role":"admin"}}`,
    "role in constructor.prototype": { ...claims, constructor: { prototype: { role: "admin" } } },
    "a name that looks like the owner's": { ...claims, sub: "bоb" },
    "the owner's name with white space": { ...claims, sub: "bob " },
    "the owner's name in other case": { ...claims, sub: "BOB" },
    "the owner's name with a NUL": { ...claims, sub: "bob\0" },
    "claims of a ticket": { ...claims, sub: "ticket:1", aud: "tidings-ticket", order: "ORDER", series: null },
    "claims named like internal fields": { ...claims, orderId: "ORDER", isAdmin: true, subject: "bob" },
  };
  for (const [name, payload] of Object.entries(tricks)) {
    test(name, async () => {
      const id = await registerOrder("bob");
      const text = (typeof payload === "string" ? payload : JSON.stringify(payload)).replace("ORDER", id);
      expect((await (await socketAt(`orders/${id}`, forge(HS256, text))).closed()).code).toBe(4003);
      const init = { headers: { Authorization: `Bearer ${forge(HS256, text)}` } };
      expect((await request(`/api/v1/orders/${id}`, init)).status).toBe(403);
    });
  }
});

describe("a forged ticket is refused (4001):", async () => {
  const [mine, other] = [await registerOrder("alice"), await registerOrder("bob")];
  const response = await serviceRequest("POST", `/api/v1/orders/${mine}/tickets`, {});
  const { token } = await response.json<{ token: string }>();
  const [header = "", payload = "", signature = ""] = token.split(".");
  const changed = (change: Record<string, unknown>) => base64url({ ...decodeJwt(token), ...change });
  const asUser = { alg: "HS256", typ: "JWT" };
  const attacks: Record<string, string> = {
    "another order": `${header}.${changed({ order: other })}.${signature}`,
    "a later expiry": `${header}.${changed({ exp: inSeconds(10 ** 6) })}.${signature}`,
    "another order, signed with the secret itself": forge(
      { alg: "HS256", typ: "tidings-ticket+jwt" },
      { ...decodeJwt(token), order: other },
    ),
    "a header that makes it a user token": `${base64url(asUser)}.${payload}.${signature}`,
    "another algorithm": `${base64url({ alg: "none", typ: "tidings-ticket+jwt" })}.${payload}.`,
    "its subject in a user token": forge(asUser, { ...decodeJwt(token), exp: "x" }),
  };
  for (const [name, attack] of Object.entries(attacks)) {
    test(name, async () => {
      for (const path of [`orders/${mine}`, `orders/${other}`, "products"]) {
        expect((await (await connect(path, { token: attack })).closed()).code).toBe(4001);
      }
    });
  }

  test("as a publish key, or to create more tickets: 401", async () => {
    const headers = { Authorization: `Bearer ${token}` };
    expect((await serviceRequest("POST", `/api/v1/orders/${mine}/tickets`, {}, headers)).status).toBe(401);
    expect((await serviceRequest("POST", "/api/v1/publish/batch", { events: [] }, headers)).status).toBe(401);
  });
});

describe("a bad publish key is refused everywhere (401), and nothing is delivered:", async () => {
  const key = PUBLISH_KEY;
  const attacks: Record<string, string> = {
    "no key": "",
    "an empty Bearer": "Bearer",
    "a Bearer of white space": "Bearer    ",
    "a wrong key": `Bearer ${"x".repeat(key.length)}`,
    "a key without its last character": `Bearer ${key.slice(0, -1)}`,
    "a key without its first character": `Bearer ${key.slice(1)}`,
    "a key with an extra byte": `Bearer ${key}x`,
    "a key with an encoded NUL": `Bearer ${key}%00`,
    "a key in other case": `Bearer ${key.toUpperCase()}`,
    "a key with its name": `Bearer shop:${key}`,
    "a key with its scope": `Bearer ${SCOPED_KEYS.orders}:orders`,
    "all keys": `Bearer ${TEST_ENV.PUBLISH_KEYS}`,
    "a key twice": `Bearer ${key} ${key}`,
    "several values": `Bearer ${key}, Bearer ${key}`,
    "a bad value before a good one": `Bearer wrong, Bearer ${key}`,
    "no scheme": key,
    "another scheme": `Basic ${btoa(`shop:${key}`)}`,
    "an unknown scheme with the plain key": `Token ${key}`,
    "a quoted key": `Bearer "${key}"`,
    "an admin's token": `Bearer ${await adminToken()}`,
    "a token whose subject is the key": `Bearer ${await mintToken({ subject: key, role: "admin" })}`,
    "the token secret": `Bearer ${SECRET}`,
    "10 KB": `Bearer ${"k".repeat(10_000)}`,
  };
  const order = await registerOrder();
  const event = { type: "order_shipped", data: {} };
  const calls: [string, string, unknown][] = [
    ["POST", `publish/orders/${order}`, event],
    ["POST", "publish/products", { type: "product_deleted", data: { product_id: "p" } }],
    ["POST", "publish/batch", { events: [{ channel: `order_${order}`, ...event }] }],
    ["PUT", `orders/${order}`, { user_id: "mallory", status: "a", payment_status: "b" }],
    ["DELETE", `orders/${order}`, undefined],
    ["POST", `orders/${order}/tickets`, {}],
    ["POST", "disconnect", { channel: `order_${order}` }],
  ];
  for (const [name, Authorization] of Object.entries(attacks)) {
    test(name, async () => {
      const socket = await listen(`orders/${order}`);
      for (const [method, path, body] of calls) {
        const response = await serviceRequest(method, `/api/v1/${path}`, body, { Authorization });
        expect([path, response.status]).toEqual([path, 401]);
        expect(response.headers.get("Content-Type")).toBe("application/problem+json");
        expect(response.headers.get("WWW-Authenticate")).toBe("Bearer");
      }
      expect(await socket.settle()).toEqual([]);
    });
  }
});

describe("a bad signature is refused, and nothing is delivered:", async () => {
  const [order, other] = [await registerOrder("alice"), await registerOrder("alice")];
  const body = JSON.stringify({ type: "order_shipped", data: { order_id: order, carrier: "UPS" } });
  const altered = body.replace("UPS", "DHL");
  type Headers = Record<string, string>;
  const without = (name: string) => ({ ...signatureOf(body), [name]: "" });
  const change = (headers: Headers) => ({ ...signatureOf(body, { id: "msg_1" }), ...headers });
  const signature = signatureOf(body, { id: "msg_1" })["webhook-signature"] ?? "";
  const now = Math.floor(Date.now() / 1000);

  const attacks: [name: string, headers: Headers, sent: string, path: string, status: number][] = [
    ["an altered body", signatureOf(body), altered, order, 401],
    ["a body with an extra byte", signatureOf(body), `${body} `, order, 401],
    ["a replayed id with an altered body", signatureOf(body, { id: "msg_1" }), altered, order, 401],
    ["another id, to be applied again", change({ "webhook-id": "msg_2" }), body, order, 401],
    ["a later time, to stay valid longer", change({ "webhook-timestamp": String(now + 60) }), body, order, 401],
    ["signed too long ago", signatureOf(body, { at: -400 }), body, order, 401],
    ["signed in the future", signatureOf(body, { at: 400 }), body, order, 401],
    ["signed in the year 58000", change({ "webhook-timestamp": String(Date.now()) }), body, order, 401],
    ["a time that is not a number", change({ "webhook-timestamp": "now" }), body, order, 401],
    ["a time with trailing text", change({ "webhook-timestamp": `${now}.${body}` }), body, order, 401],
    ["a negative time", change({ "webhook-timestamp": `-${now}` }), body, order, 401],
    ["signed with another key", signatureOf(body, { key: "x".repeat(40) }), body, order, 401],
    ["signed with the name of a key", signatureOf(body, { key: "shop" }), body, order, 401],
    ["signed with the token secret", signatureOf(body, { key: SECRET }), body, order, 401],
    ["no id", without("webhook-id"), body, order, 401],
    ["no time", without("webhook-timestamp"), body, order, 401],
    ["no signature", without("webhook-signature"), body, order, 401],
    ["an asymmetric version", change({ "webhook-signature": signature.replace("v1,", "v1a,") }), body, order, 401],
    ["an unknown version", change({ "webhook-signature": signature.replace("v1,", "v2,") }), body, order, 401],
    ["no version", change({ "webhook-signature": signature.replace("v1,", "") }), body, order, 401],
    ["a truncated signature", change({ "webhook-signature": signature.slice(0, 24) }), body, order, 401],
    ["an empty signature", change({ "webhook-signature": "v1," }), body, order, 401],
    ["a hexadecimal signature", change({ "webhook-signature": `v1,${"0".repeat(64)}` }), body, order, 401],
    [
      "one of too many signatures",
      change({ "webhook-signature": `${"v1,x ".repeat(8)}${signature}` }),
      body,
      order,
      401,
    ],
    ["a piece of the body as the id", change({ "webhook-id": `msg_1.${now}` }), body, order, 401],
    ["another order's path", signatureOf(body), body, other, 422],
    ["a key of another scope", signatureOf(body, { key: SCOPED_KEYS.products }), body, order, 403],
    ["a key that may only read", signatureOf(body, { key: SCOPED_KEYS.read }), body, order, 403],
    ["a wrong key in Authorization", change({ Authorization: "Bearer wrong" }), body, order, 401],
    ["a read key in Authorization", change({ Authorization: `Bearer ${SCOPED_KEYS.read}` }), body, order, 403],
  ];
  for (const [name, headers, sent, path, status] of attacks) {
    test(`${name}: ${status}`, async () => {
      const sockets = [order, other].map(async (id) => connect(`orders/${id}`, { token: await mintToken() }));
      const [first, second] = await Promise.all(sockets);
      await Promise.all([first?.frame(), second?.frame()]);
      const init = { method: "POST", headers, body: sent };
      const response = await request(`/api/v1/publish/orders/${path}`, init);
      expect(response.status).toBe(status);
      expect(await response.text()).not.toContain(signature);
      expect(await first?.settle()).toEqual([]);
      expect(await second?.settle()).toEqual([]);
    });
  }

  test("an id that includes the time, which shifts the real time into the body: 400", async () => {
    const tricky = signatureOf(body, { id: `msg.${now}` });
    // Both read as `msg.<now>.<time>.<body>`, which is the signed text.
    const headers = { ...tricky, "webhook-id": "msg", "webhook-timestamp": String(now) };
    const sent = `${tricky["webhook-timestamp"]}.${body}`;
    expect((await request(`/api/v1/publish/orders/${order}`, { method: "POST", headers, body: sent })).status).toBe(
      400,
    );
  });
});
