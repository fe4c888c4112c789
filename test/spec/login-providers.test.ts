import { env } from "cloudflare:workers";
import { type JWTHeaderParameters, SignJWT } from "jose";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Env } from "../../src/config/env.ts";
import { logLines } from "../support/leak-guard/console.ts";
import { LOGIN_PROVIDERS, type TokenShape, USER_ID } from "../support/login-providers.ts";
import { answerFetches, handshakeAt } from "../support/login-service.ts";
import { registerOrder } from "../support/service.ts";
import { makeKey, type SigningKey } from "../support/signing-keys.ts";
import { outcomeOf } from "../support/test-socket.ts";

/** The login services that shops use, each with its settings in the manual, its key set and its tokens. */

const ESTABLISHED = "connection_established";
const [own, others] = [await registerOrder(USER_ID), await registerOrder("bob")];
const keys: Record<string, SigningKey> = { RS256: await makeKey("RS256"), ES256: await makeKey("ES256") };

function sign(
  { alg, kid, privateKey }: SigningKey,
  { header, claims }: TokenShape,
  more: object = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const times = { iat: now, nbf: now, exp: now + 600, auth_time: now };
  return new SignJWT({ ...claims, ...times, ...more })
    .setProtectedHeader({ ...header, alg, kid } as JWTHeaderParameters)
    .sign(privateKey);
}

let warnings: ReturnType<typeof logLines>;
beforeEach(() => {
  warnings = logLines("warn");
});
afterEach(() => void vi.restoreAllMocks());

/** The table of providers and token shapes. */
const rows = [
  "provider | token | alg | keys | user id | roles | audience | own order | another's | products | admin | elsewhere",
];
afterAll(() => console.log(rows.join("\n")));

for (const { name, settings, jwksUri, keySet, shapes } of LOGIN_PROVIDERS) {
  const key = keys[settings.JWT_ALGORITHMS ?? ""] as SigningKey;
  const { JWT_ISSUER: issuer = "", JWKS_URL: jwksUrl = jwksUri } = settings;
  const documentUrl = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const service: Env = { ...env, JWT_SECRET: "", ...settings };
  const outcome = async (path: string, token: string) => outcomeOf(await handshakeAt(service, path, token));

  describe(name, () => {
    beforeEach(() => {
      answerFetches(({ url }) => {
        if (url === jwksUrl) return Response.json({ keys: keySet(key.publicJwk) });
        if (url === documentUrl && jwksUri !== null) return Response.json({ issuer, jwks_uri: jwksUri });
        return new Response(null, { status: 404 });
      });
    });

    for (const shape of shapes) {
      test(`${shape.kind}: a customer has their own order, an admin every one, another application's token none`, async () => {
        const results = {
          "own order": await outcome(`orders/${own}`, await sign(key, shape)),
          "another's": await outcome(`orders/${others}`, await sign(key, shape)),
          products: await outcome("products", await sign(key, shape)),
          admin: await outcome(`orders/${others}`, await sign(key, shape, shape.admin)),
          elsewhere: await outcome(`orders/${own}`, await sign(key, shape, shape.elsewhere)),
        };
        expect(warnings().at(-1)).toMatchObject({ reason_detail: "claim", claim: "aud" });
        const { ROLE_CLAIM = "role", USER_ID_CLAIM = "sub" } = settings;
        const source = jwksUri === null ? "JWKS_URL" : "discovery";
        const audience = ["aud", "azp", "client_id"].find((claim) => claim in shape.claims);
        const cells = [
          name,
          shape.kind,
          key.alg,
          source,
          USER_ID_CLAIM,
          ROLE_CLAIM,
          audience,
          ...Object.values(results),
        ];
        rows.push(cells.join(" | ").replaceAll(ESTABLISHED, "open"));
        expect(results).toEqual({
          "own order": ESTABLISHED,
          "another's": 4003,
          products: ESTABLISHED,
          admin: ESTABLISHED,
          elsewhere: 4001,
        });
      });

      test(`${shape.kind}: another key is refused, and so is another issuer`, async () => {
        const stranger = { ...(await makeKey(key.alg)), kid: key.kid };
        expect(await outcome(`orders/${own}`, await sign(stranger, shape))).toBe(4001);
        const foreign = { iss: `${issuer}x` };
        expect(await outcome(`orders/${own}`, await sign(key, shape, foreign))).toBe(4001);
        expect(warnings().at(-1)).toMatchObject({ reason_detail: "claim", claim: "iss" });
      });
    }
  });
}
