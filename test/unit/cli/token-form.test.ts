import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterAll, expect, test } from "vitest";
import { PUBLISH_KEY, TEST_ENV } from "../../support/test-env.ts";
import { startTidings, type Workerd } from "../../support/workerd.ts";
import { SECRET, TestTerminal } from "./test-terminal.ts";

/** Tokens of the command line have the form that the settings in its folder ask for. */

const services: Workerd[] = [];
afterAll(() => Promise.all(services.map((service) => service.stop())));

function terminalWith(vars: Record<string, string>, devVars = ""): TestTerminal {
  const terminal = new TestTerminal({ env: { JWT_SECRET: TEST_ENV.JWT_SECRET, TIDINGS_KEY: PUBLISH_KEY }, devVars });
  const lines = Object.entries(vars).map(([name, value]) => `# A setting.\n${name} = "${value}"\n`);
  writeFileSync(join(terminal.cwd, "wrangler.toml"), `name = "shop"\n\n[vars]\n${lines.join("\n")}\n[dev]\nport = 1\n`);
  return terminal;
}

async function tokenWith(vars: Record<string, string>, devVars?: string) {
  const terminal = terminalWith(vars, devVars);
  await terminal.run("token", "--subject", "alice", "--role", "staff");
  return { header: decodeProtectedHeader(terminal.output), claims: decodeJwt(terminal.output) };
}

test("without wrangler.toml, a token has sub and role", async () => {
  const terminal = new TestTerminal({ env: { JWT_SECRET: SECRET } });
  await terminal.run("token", "--role", "staff");
  expect(decodeJwt(terminal.output)).toEqual({
    sub: "alice",
    role: "staff",
    iat: expect.any(Number),
    exp: expect.any(Number),
  });
});

test("a token has the issuer, audience, claims and algorithm of wrangler.toml, and .dev.vars comes first", async () => {
  const vars = {
    JWT_ALGORITHMS: "RS256,HS512",
    JWT_ISSUER: "https://login.shop.example",
    JWT_AUDIENCE: "shop,admin-app",
    ROLE_CLAIM: "realm_access.roles",
    USER_ID_CLAIM: "uid",
  };
  const { header, claims } = await tokenWith(vars, "JWT_AUDIENCE=local\n");
  expect(header.alg).toBe("HS512");
  expect(claims).toMatchObject({
    iss: "https://login.shop.example",
    aud: "local",
    "realm_access.roles": "staff",
    uid: "alice",
  });
});

test("[vars] may be the last table of wrangler.toml, and its lines may end as on Windows", async () => {
  const terminal = new TestTerminal({ env: { JWT_SECRET: SECRET } });
  writeFileSync(
    join(terminal.cwd, "wrangler.toml"),
    '[dev]\r\nport = 1\r\n[vars] # all of them\r\nJWT_AUDIENCE = "shop"\r\nROLE_CLAIM = "roles"\r\n',
  );
  await terminal.run("token", "--role", "staff");
  expect(decodeJwt(terminal.output)).toMatchObject({ aud: "shop", roles: "staff" });
});

test.each([
  ["a list", '[ "shop", "admin-app" ] # both', "shop"],
  ["a list on several lines", "[\n  # the shop's [own]\n  'shop',\n  \"admin-app\",\n]", "shop"],
  ["a list in a file of Windows", '[\r\n  "shop", # the first\r\n  "admin-app",\r\n]', "shop"],
  ["a number", "42", "42"],
])("a setting of wrangler.toml may be %s", async (_, value, aud) => {
  const terminal = new TestTerminal({ env: { JWT_SECRET: SECRET } });
  const toml = `[vars]\nJWT_AUDIENCE = ${value}\nROLE_CLAIM = "roles"\n`;
  writeFileSync(join(terminal.cwd, "wrangler.toml"), toml);
  await terminal.run("token", "--role", "staff");
  expect(decodeJwt(terminal.output)).toMatchObject({ aud, roles: "staff" });
});

test("of several issuers, a token has the one that JWT_SECRET signs for", async () => {
  const { claims } = await tokenWith({ JWT_ISSUER: "https://login.shop.example,shop-api" });
  expect(claims.iss).toBe("shop-api");
});

const forms: Record<string, Record<string, string>> = {
  "an issuer, an audience and claims of its own": {
    JWT_ISSUER: "https://login.shop.example",
    JWT_AUDIENCE: "shop",
    ROLE_CLAIM: "realm_access.roles",
    USER_ID_CLAIM: "https://shop.example/id",
    ADMIN_ROLES: "shop admin",
  },
  "several issuers": {
    JWT_ALGORITHMS: "HS256,RS256",
    JWT_ISSUER: "https://login.shop.example,shop-api",
  },
};
for (const [name, vars] of Object.entries(forms)) {
  test(`smoke passes against a service with ${name}`, async () => {
    const service = await startTidings(vars);
    services.push(service);
    const terminal = terminalWith(vars);
    const code = await terminal.run("smoke", "--url", service.url);
    expect([code, terminal.output.match(/^FAIL.*/m)?.[0]]).toEqual([0, undefined]);
  });
}

test("with keys of a login service only, watch says that it cannot mint an accepted token", async () => {
  const vars = { JWT_ALGORITHMS: "RS256", JWT_ISSUER: "https://login.shop.example" };
  const service = await startTidings(vars);
  services.push(service);
  const terminal = terminalWith({ JWT_ALGORITHMS: "RS256" });
  await terminal.run("watch", "products", "--url", service.url);
  expect(terminal.notes).toContain(
    "set JWT_ALGORITHMS=HS256 in .dev.vars while you develop, with JWKS_URL= and JWT_ISSUER= (both empty) beside it.",
  );
});

test("with keys of a login service only, smoke passes once .dev.vars has what watch advises", async () => {
  const vars = {
    JWT_ALGORITHMS: "RS256",
    JWT_ISSUER: "https://login.shop.example,https://staff.shop.example",
    JWKS_URL: "https://login.shop.example/keys,https://staff.shop.example/keys",
  };
  const advised = { JWT_ALGORITHMS: "HS256", JWKS_URL: "", JWT_ISSUER: "" };
  const service = await startTidings({ ...vars, ...advised });
  services.push(service);
  const devVars = Object.entries(advised).map(([name, value]) => `${name}=${value}\n`);
  const terminal = terminalWith(vars, devVars.join(""));
  const code = await terminal.run("smoke", "--url", service.url);
  expect([code, terminal.output.match(/^FAIL.*/m)?.[0]]).toEqual([0, undefined]);
});
