import { execFileSync, spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NodeListener, registerOrderAt } from "../support/node-client.ts";
import { areInstalled } from "../support/optional-programs.ts";
import { TEST_ENV } from "../support/test-env.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

/** Tokens of a FastAPI service, signed with PyJWT. */

const PYTHON = process.env.PYTHON ?? "/usr/bin/python3";
const hasPyJwt = spawnSync(PYTHON, ["-c", "import jwt"]).status === 0;
const isInstalled = areInstalled(hasPyJwt ? [] : ["PyJWT"], "the tokens of PyJWT", "apt install python3-jwt");

/** Signs claims as a FastAPI service does. `EXPIRY` in them is in ten minutes. */
function signInPython(claims: string): string {
  const program = `
import datetime, os, jwt
EXPIRY = datetime.datetime.utcnow() + datetime.timedelta(minutes=10)
print(jwt.encode(${claims}, os.environ["JWT_SECRET"], algorithm="HS256"))`;
  const env = { PATH: process.env.PATH, JWT_SECRET: TEST_ENV.JWT_SECRET };
  return execFileSync(PYTHON, ["-c", program], { env, encoding: "utf8" }).trim();
}

describe.skipIf(!isInstalled)("a token of PyJWT", () => {
  let service: Workerd;
  beforeAll(async () => {
    service = await startTidings({ ROLE_CLAIM: "scopes" });
  });
  afterAll(() => service.stop());

  const shapes: [string, string, string][] = [
    ["a text", '{"sub": "42", "exp": EXPIRY}', '{"sub": "1", "exp": EXPIRY, "scopes": ["admin"]}'],
    ["a number", '{"sub": 42, "exp": EXPIRY}', '{"sub": 1, "exp": EXPIRY, "scopes": "admin"}'],
  ];
  for (const [name, customer, admin] of shapes) {
    test(`whose sub is ${name}: a customer has their own order, an admin every one`, async () => {
      const [own, others] = [await registerOrderAt(service.url, "42"), await registerOrderAt(service.url, "bob")];
      const outcome = async (order: string, claims: string) => {
        const url = `${service.url.replace("http", "ws")}/api/v1/ws/orders/${order}?token=${signInPython(claims)}`;
        const listener = new NodeListener(url, []);
        const result = await listener.established.then(
          () => "open",
          async () => (await listener.closed.promise).code,
        );
        listener.close();
        return result;
      };
      const results = [await outcome(own, customer), await outcome(others, customer), await outcome(others, admin)];
      console.log(`PyJWT | sub is ${name} | HS256 | JWT_SECRET | ${results.join(" | ")}`);
      expect(results).toEqual(["open", 4003, "open"]);
    });
  }
});
