import { listDurableObjectIds } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { createHmac } from "node:crypto";
import { decodeJwt, exportJWK, exportSPKI, SignJWT, UnsecuredJWT } from "jose";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { app } from "../../src/edge/app.ts";
import { makeKey, signWith } from "../support/jwks.ts";
import { connect, ORIGIN, registerOrder, request, serviceRequest } from "../support/service.ts";
import { signatureOf } from "../support/signing.ts";
import { PUBLISH_KEY, SCOPED_KEYS, TEST_ENV } from "../support/test-env.ts";
import { TestSocket } from "../support/test-socket.ts";
import { adminToken, mintToken } from "../support/tokens.ts";

/** What somebody might try with tokens and keys, and the code that each of them gets. */

const SECRET = TEST_ENV.JWT_SECRET;
const ISSUER = "https://login.shop.example";
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
const base64url = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** A token put together by hand, because no library makes such ones: any header, any payload, any secret. */
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

/** The service with a JWKS beside its secret: whatever is tried, there are two kinds of keys to confuse. */
const there = {
  ...env,
  JWT_ALGORITHMS: "HS256,RS256,ES256",
  JWKS_URL: "https://login.example/attacks/jwks.json",
};
/** The same with keys that nobody has asked for yet: of a kid that is made up, only a set that comes later tells. */
const anew = () => ({ ...there, JWKS_URL: `https://login.example/attacks/${crypto.randomUUID()}/jwks.json` });
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

test("what the attacks are made from is good", async () => {
  for (const token of [good, await signWith(loginKey)]) {
    expect((await (await socketAt("products", token)).frame()).type).toBe("connection_established");
  }
  const strictClaims = { ...claims, iss: ISSUER, aud: "tidings" };
  expect((await (await socketAt("products", forge(HS256, strictClaims), strict)).frame()).type).toBe(
    "connection_established",
  );
});

describe("a bad token is refused everywhere (4001, 401) and reaches no object", () => {
  const bad: Record<string, string | Promise<string>> = {
    // The algorithm
    "alg: none": new UnsecuredJWT(claims).encode(),
    "alg: none with the good signature": `${base64url({ alg: "none" })}.${goodPayload}.${goodSignature}`,
    "alg: NoNe": `${base64url({ alg: "NoNe" })}.${goodPayload}.`,
    "no alg": forge({ typ: "JWT" }, claims),
    "alg that is a list": forge({ alg: ["HS256"] }, claims),
    "alg in lower case": forge({ alg: "hs256" }, claims),
    "alg that every object has": forge({ alg: "constructor" }, claims),
    "an algorithm that is not on the list": mintToken({ algorithm: "HS512" }),
    "HS256 with the JWKS's public key as PEM for the secret": forge({ ...HS256, kid: "login-1" }, claims, publicPem),
    "… without its last line end": forge({ ...HS256, kid: "login-1" }, claims, publicPem.trim()),
    "HS256 with the public key as JWK for the secret": forge({ ...HS256, kid: "login-1" }, claims, publicJwk),
    "HS256 with the public key's modulus for the secret": forge(HS256, claims, String(loginKey.publicJwk.n)),
    "RS256 with an HMAC for the signature": forge({ alg: "RS256", kid: "login-1" }, claims),
    "HS256 with an empty secret": forge(HS256, claims, ""),
    "HS256 with a guessed secret": forge(HS256, claims, "secret"),
    "HS256 with the beginning of the secret": forge(HS256, claims, SECRET.slice(0, -1)),
    "HS256 with the secret and a line end": forge(HS256, claims, `${SECRET}\n`),
    "HS256 with a publish key for the secret": forge(HS256, claims, PUBLISH_KEY),

    // The key
    "RS256, signed by somebody's own key": signedByOwnKey({}),
    "… that borrows the kid of the login's": signedByOwnKey({ kid: "login-1" }),
    "… and brings its own key along (jwk)": signedByOwnKey({ kid: "login-1", jwk: ownKey.publicJwk }),
    "… or says where it is (jku)": signedByOwnKey({ kid: "own", jku: "https://evil.example/jwks.json" }),
    "… or has a certificate (x5u, x5c)": signedByOwnKey({ x5u: "https://evil.example/cert", x5c: ["MIIB"] }),
    "ES256 with the kid of an RSA key": signWith(ownEcKey),
    "kid that is a path": signedByOwnKey({ kid: "../../../../dev/null" }),
    "kid that is a URL": signedByOwnKey({ kid: "https://evil.example/key" }),
    "kid that is SQL": signedByOwnKey({ kid: "' UNION SELECT 'secret' --" }),
    "kid that every object has": signedByOwnKey({ kid: "__proto__" }),
    "HS256 with a kid that points at an empty file": forge({ ...HS256, kid: "/dev/null" }, claims, "\0"),

    // The header
    "crit that nobody understands": forge({ ...HS256, crit: ["exp-policy"], "exp-policy": 1 }, claims),
    "b64: false": forge({ ...HS256, crit: ["b64"], b64: false }, claims),
    "a header that is no object": forge("[]", claims),
    "a header that is no JSON": forge("HS256", claims),

    // The shape
    "altered payload": `${goodHeader}.${base64url({ ...claims, sub: "root" })}.${goodSignature}`,
    "a second sub slipped into the payload": `${goodHeader}.${base64url(
      `${JSON.stringify(claims).slice(0, -1)},"sub":"root"}`,
    )}.${goodSignature}`,
    "truncated signature": good.slice(0, -1),
    "no signature": `${goodHeader}.${goodPayload}.`,
    "two segments": `${goodHeader}.${goodPayload}`,
    "four segments": `${good}.x`,
    "encrypted, not signed": `${good}.x.y`,
    "dots alone": "..",
    "not a token": "abc",
    empty: "",
    "white space within": good.replace(".", ". "),
    "white space at the end": `${good} `,
    "a line end at the end": `${good}\n`,
    "padding at the end": `${good}=`,
    "full-width dots": good.replaceAll(".", "．"),
    "a Cyrillic letter in the signature": `${good.slice(0, -1)}а`,
    "a NUL at the end": `${good}\0`,
    "10 KB long": forge(HS256, { ...claims, padding: "x".repeat(10_000) }),
    "a megabyte long": "a".repeat(2 ** 20),

    // The claims
    expired: forge(HS256, { ...claims, exp: inSeconds(-1) }),
    "not yet valid": forge(HS256, { ...claims, nbf: inSeconds(3600) }),
    "nbf that is no number": forge(HS256, { ...claims, nbf: "now" }),
    "missing exp": forge(HS256, { sub: "alice" }),
    "exp that is text": forge(HS256, { ...claims, exp: String(inSeconds(600)) }),
    "exp that is a word": forge(HS256, { ...claims, exp: "tomorrow" }),
    "exp that is null": forge(HS256, { ...claims, exp: null }),
    "exp that is a list": forge(HS256, { ...claims, exp: [inSeconds(600)] }),
    "exp that is beyond JSON's numbers": forge(HS256, `{"sub":"alice","exp":-1e999}`),
    "missing sub": forge(HS256, { exp: inSeconds(600) }),
    "empty sub": forge(HS256, { ...claims, sub: "" }),
    "sub that is a number": forge(HS256, { ...claims, sub: 42 }),
    "sub that is an object": forge(HS256, { ...claims, sub: { toString: "alice" } }),
    "sub that is a list": forge(HS256, { ...claims, sub: ["alice"] }),
    "sub longer than a socket can keep": forge(HS256, { ...claims, sub: "a".repeat(257) }),
    "a payload that is a list": forge(HS256, [claims]),
    "a payload that is no JSON": forge(HS256, "alice"),

    // Other credentials
    "a publish key": PUBLISH_KEY,
    "a publish key that may only read": SCOPED_KEYS.read,
    "the secret itself": SECRET,
    "a ticket made with the secret itself": forge(
      { alg: "HS256", typ: "tidings-ticket+jwt" },
      { ...claims, sub: "ticket:1", aud: "tidings-ticket", order: crypto.randomUUID(), series: "a" },
    ),
    "… whose header is written in another way": forge(
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
        const socket = await socketAt(path, token, anew());
        const { code, reason } = await socket.closed();
        expect(code).toBe(4001);
        expect(reason).toMatch(/^(Authentication required|Invalid token|Token too long|Token expired)$/);
        await expect(socket.text()).rejects.toThrow("no message came");
      }
      // A header takes neither line ends nor letters beyond Latin-1, and loses white space at its end.
      if (
        /^[\x20-\x7e]*$/.test(token) &&
        token === token.trim() &&
        !Object.values({ PUBLISH_KEY, ...SCOPED_KEYS }).includes(token)
      ) {
        const init = { headers: { Authorization: `Bearer ${token}` } };
        expect((await app.fetch(new Request(`${ORIGIN}/api/v1/orders/${id}`, init), anew())).status).toBe(401);
      }
      expect(await listDurableObjectIds(env.ORDER_CHANNEL)).toEqual(orders);
      expect(await listDurableObjectIds(env.PRODUCTS_CHANNEL)).toEqual(products);
      expect(fetched.filter((url) => !/^https:\/\/login\.example\/attacks\/[\w-]+\/jwks\.json$/.test(url))).toEqual([]);
    });
  }

  const elsewhere: Record<string, Record<string, unknown>> = {
    "wrong issuer": { iss: "https://evil.example", aud: "tidings" },
    "an issuer with a slash more": { iss: `${ISSUER}/`, aud: "tidings" },
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

describe("a good token that claims too much is a user's, and no more (4003)", () => {
  const tricks: Record<string, unknown> = {
    "role that is an object": { ...claims, role: { admin: true } },
    "role that is a list in a list": { ...claims, role: [["admin"]] },
    "role that is true": { ...claims, role: true },
    "role in other letters": { ...claims, role: "Admin" },
    "role with white space": { ...claims, role: "admin " },
    "role with a Cyrillic letter": { ...claims, role: "аdmin" },
    "roles in one text": { ...claims, role: "user,admin" },
    "role that is not this claim": { ...claims, roles: ["admin"], isAdmin: true, admin: true },
    "role in __proto__": `${JSON.stringify(claims).slice(0, -1)},"__proto__":{"role":"admin"}}`,
    "role in constructor.prototype": { ...claims, constructor: { prototype: { role: "admin" } } },
    "a name that looks like the owner's": { ...claims, sub: "bоb" },
    "the owner's name with white space": { ...claims, sub: "bob " },
    "the owner's name in other letters": { ...claims, sub: "BOB" },
    "the owner's name with a NUL": { ...claims, sub: "bob\0" },
    "claims of a ticket": { ...claims, sub: "ticket:1", aud: "tidings-ticket", order: "ORDER", series: null },
    "claims of a listener": { ...claims, orderId: "ORDER", isAdmin: true, subject: "bob" },
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

describe("a ticket that was tampered with is refused (4001)", async () => {
  const [mine, other] = [await registerOrder("alice"), await registerOrder("bob")];
  const response = await serviceRequest("POST", `/api/v1/orders/${mine}/tickets`, {});
  const { token } = await response.json<{ token: string }>();
  const [header = "", payload = "", signature = ""] = token.split(".");
  const changed = (change: Record<string, unknown>) => base64url({ ...decodeJwt(token), ...change });
  const asUser = { alg: "HS256", typ: "JWT" };
  const attacks: Record<string, string> = {
    "another order": `${header}.${changed({ order: other })}.${signature}`,
    "a later end": `${header}.${changed({ exp: inSeconds(10 ** 6) })}.${signature}`,
    "another order, signed with the secret itself": forge(
      { alg: "HS256", typ: "tidings-ticket+jwt" },
      { ...decodeJwt(token), order: other },
    ),
    "a header that makes it a user's": `${base64url(asUser)}.${payload}.${signature}`,
    "another algorithm": `${base64url({ alg: "none", typ: "tidings-ticket+jwt" })}.${payload}.`,
    "its subject as a user's": forge(asUser, { ...decodeJwt(token), exp: "x" }),
  };
  for (const [name, attack] of Object.entries(attacks)) {
    test(name, async () => {
      for (const path of [`orders/${mine}`, `orders/${other}`, "products"]) {
        expect((await (await connect(path, { token: attack })).closed()).code).toBe(4001);
      }
    });
  }

  test("as a publish key, or to make more of them: 401", async () => {
    const headers = { Authorization: `Bearer ${token}` };
    expect((await serviceRequest("POST", `/api/v1/orders/${mine}/tickets`, {}, headers)).status).toBe(401);
    expect((await serviceRequest("POST", "/api/v1/publish/batch", { events: [] }, headers)).status).toBe(401);
  });
});

describe("a bad publish key is refused everywhere (401), and nothing is sent", async () => {
  const key = PUBLISH_KEY;
  const attacks: Record<string, string> = {
    "no key": "",
    "an empty Bearer": "Bearer",
    "a Bearer of white space": "Bearer    ",
    "a wrong key": `Bearer ${"x".repeat(key.length)}`,
    "a key's beginning": `Bearer ${key.slice(0, -1)}`,
    "a key's end": `Bearer ${key.slice(1)}`,
    "a key and one byte more": `Bearer ${key}x`,
    "a key and a NUL in disguise": `Bearer ${key}%00`,
    "a key in other letters": `Bearer ${key.toUpperCase()}`,
    "a key with its name": `Bearer shop:${key}`,
    "a key with its scope": `Bearer ${SCOPED_KEYS.orders}:orders`,
    "all keys": `Bearer ${TEST_ENV.PUBLISH_KEYS}`,
    "a key twice": `Bearer ${key} ${key}`,
    "several values": `Bearer ${key}, Bearer ${key}`,
    "a bad value before a good one": `Bearer wrong, Bearer ${key}`,
    "no scheme": key,
    "another scheme": `Basic ${btoa(`shop:${key}`)}`,
    "another scheme with the key as it is": `Token ${key}`,
    "quotes around it": `Bearer "${key}"`,
    "an admin's token": `Bearer ${await adminToken()}`,
    "a token whose subject is the key": `Bearer ${await mintToken({ subject: key, role: "admin" })}`,
    "the secret of tokens": `Bearer ${SECRET}`,
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
      const socket = await connect(`orders/${order}`, { token: await mintToken() });
      await socket.frame();
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

describe("a bad signature is refused, and nothing is sent", async () => {
  const [order, other] = [await registerOrder("alice"), await registerOrder("alice")];
  const body = JSON.stringify({ type: "order_shipped", data: { order_id: order, carrier: "UPS" } });
  const altered = body.replace("UPS", "DHL");
  type Headers = Record<string, string>;
  const without = (name: string) => ({ ...signatureOf(body), [name]: "" });
  const change = (headers: Headers) => ({ ...signatureOf(body, { id: "msg_1" }), ...headers });
  const signature = signatureOf(body, { id: "msg_1" })["webhook-signature"] ?? "";
  const now = Math.floor(Date.now() / 1000);

  const attacks: [name: string, headers: Headers, sent: string, path: string, status: number][] = [
    ["altered body", signatureOf(body), altered, order, 401],
    ["body with a byte more", signatureOf(body), `${body} `, order, 401],
    ["replayed id with an altered body", signatureOf(body, { id: "msg_1" }), altered, order, 401],
    ["another id, to be applied once more", change({ "webhook-id": "msg_2" }), body, order, 401],
    ["another time, to live longer", change({ "webhook-timestamp": String(now + 60) }), body, order, 401],
    ["signed too long ago", signatureOf(body, { at: -400 }), body, order, 401],
    ["signed in the future", signatureOf(body, { at: 400 }), body, order, 401],
    ["signed in the year 58000", change({ "webhook-timestamp": String(Date.now()) }), body, order, 401],
    ["a time that is no number", change({ "webhook-timestamp": "now" }), body, order, 401],
    ["a time with something behind it", change({ "webhook-timestamp": `${now}.${body}` }), body, order, 401],
    ["a negative time", change({ "webhook-timestamp": `-${now}` }), body, order, 401],
    ["signed with another key", signatureOf(body, { key: "x".repeat(40) }), body, order, 401],
    ["signed with the name of a key", signatureOf(body, { key: "shop" }), body, order, 401],
    ["signed with the secret of tokens", signatureOf(body, { key: SECRET }), body, order, 401],
    ["no id", without("webhook-id"), body, order, 401],
    ["no time", without("webhook-timestamp"), body, order, 401],
    ["no signature", without("webhook-signature"), body, order, 401],
    ["an asymmetric version", change({ "webhook-signature": signature.replace("v1,", "v1a,") }), body, order, 401],
    ["a version of nobody's", change({ "webhook-signature": signature.replace("v1,", "v2,") }), body, order, 401],
    ["no version", change({ "webhook-signature": signature.replace("v1,", "") }), body, order, 401],
    ["half of it", change({ "webhook-signature": signature.slice(0, 24) }), body, order, 401],
    ["an empty one", change({ "webhook-signature": "v1," }), body, order, 401],
    ["in hexadecimal", change({ "webhook-signature": `v1,${"0".repeat(64)}` }), body, order, 401],
    ["among too many", change({ "webhook-signature": `${"v1,x ".repeat(8)}${signature}` }), body, order, 401],
    ["a piece of the body as the id", change({ "webhook-id": `msg_1.${now}` }), body, order, 401],
    ["another order's path", signatureOf(body), body, other, 422],
    ["a key of another scope", signatureOf(body, { key: SCOPED_KEYS.products }), body, order, 403],
    ["a key that may only read", signatureOf(body, { key: SCOPED_KEYS.read }), body, order, 403],
    ["a wrong key beside it", change({ Authorization: "Bearer wrong" }), body, order, 401],
    ["a reader's key beside it", change({ Authorization: `Bearer ${SCOPED_KEYS.read}` }), body, order, 403],
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

  test("an id that swallows the time, so that the time becomes a part of the body: 400", async () => {
    const tricky = signatureOf(body, { id: `msg.${now}` });
    // What was signed is `msg.<now>.<time>.<body>`; it is the same text with the dots read otherwise.
    const headers = { ...tricky, "webhook-id": "msg", "webhook-timestamp": String(now) };
    const sent = `${tricky["webhook-timestamp"]}.${body}`;
    expect((await request(`/api/v1/publish/orders/${order}`, { method: "POST", headers, body: sent })).status).toBe(
      400,
    );
  });
});
