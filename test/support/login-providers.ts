import type { JWK } from "jose";

/**
 * Login services that shops use: the settings for each, and the shape of its key set and tokens according to its
 * documentation. Ids are made up.
 */

export interface LoginProvider {
  name: string;
  /** The manual shows them, in `wrangler.toml`'s form. */
  settings: Record<string, string>;
  /** The `jwks_uri` of its discovery document; null when the settings have `JWKS_URL`. */
  jwksUri: string | null;
  /** What it adds to a public key, or to the key set beside it. */
  keySet: (key: JWK) => object[];
  shapes: TokenShape[];
  /** What an operator has to know; the manual shows it. */
  hint: string;
}

export interface TokenShape {
  kind: string;
  header?: Record<string, unknown>;
  /** All claims but the times. The user is `USER_ID`, a customer. */
  claims: Record<string, unknown>;
  /** What an admin's token has instead. */
  admin: Record<string, unknown>;
  /** What a token for another application has instead. */
  elsewhere: Record<string, unknown>;
}

export const USER_ID = "7d3f1c0e-52b4-4f0a-9a51-0c7e3b1f8a42";
const ELSEWHERE = "another-application";

/** A key with its certificate, as most key sets have it. */
const withCertificate = (key: JWK, more: object = {}): object[] => [
  { ...key, ...more, x5t: "nNk4k0m5n4T1oGb0S0pPqYJ0VhI", x5c: ["MIIDHTCCAgWgAwIBAgIJ"] },
];
const plainKey = (key: JWK): object[] => [key];

const profile = {
  name: "Alice Example",
  nickname: "alice",
  preferred_username: "alice",
  given_name: "Alice",
  email: "alice@shop.example",
  email_verified: true,
};

export const LOGIN_PROVIDERS: LoginProvider[] = [
  {
    name: "Auth0",
    settings: {
      JWT_ALGORITHMS: "RS256",
      JWT_ISSUER: "https://shop.eu.auth0.com/",
      JWT_AUDIENCE: "https://api.shop.example",
      ROLE_CLAIM: "https://shop.example/roles",
    },
    hint: "the issuer ends with a slash; an Action adds the roles claim; ids look like `auth0\\|…`",
    jwksUri: "https://shop.eu.auth0.com/.well-known/jwks.json",
    keySet: withCertificate,
    shapes: [
      {
        kind: "access token",
        header: { typ: "JWT" },
        claims: {
          iss: "https://shop.eu.auth0.com/",
          sub: USER_ID,
          aud: ["https://api.shop.example", "https://shop.eu.auth0.com/userinfo"],
          scope: "openid profile email",
          azp: "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja",
          permissions: ["read:orders"],
        },
        admin: { "https://shop.example/roles": ["admin"] },
        elsewhere: { aud: ["https://other.example"] },
      },
      {
        kind: "access token (RFC 9068)",
        header: { typ: "at+jwt" },
        claims: {
          iss: "https://shop.eu.auth0.com/",
          sub: USER_ID,
          aud: "https://api.shop.example",
          client_id: "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja",
          jti: "w2fJ8cXoQ1",
          "https://shop.example/roles": [],
        },
        admin: { "https://shop.example/roles": ["editor", "admin"] },
        elsewhere: { aud: "https://other.example" },
      },
    ],
  },
  {
    name: "Keycloak",
    settings: {
      JWT_ALGORITHMS: "RS256",
      JWT_ISSUER: "https://login.shop.example/realms/shop",
      JWT_AUDIENCE: "shop-api",
      ROLE_CLAIM: "realm_access.roles",
    },
    hint: "an audience mapper adds `shop-api`, because `aud` is `account` by default; client roles: `resource_access.<client>.roles`",
    jwksUri: "https://login.shop.example/realms/shop/protocol/openid-connect/certs",
    // A realm also publishes an encryption key.
    keySet: (key) => [{ ...key, kid: "encryption", use: "enc", alg: "RSA-OAEP" }, ...withCertificate(key)],
    shapes: [
      {
        kind: "access token",
        header: { typ: "JWT" },
        claims: {
          jti: "onrtac:5c1d2f7e",
          iss: "https://login.shop.example/realms/shop",
          aud: ["shop-api", "account"],
          sub: USER_ID,
          typ: "Bearer",
          azp: "shop-web",
          sid: "0b1f4c62-8d8f-4a8a-b7e9-7f4f0f9f6d11",
          acr: "1",
          "allowed-origins": ["https://shop.example"],
          realm_access: { roles: ["default-roles-shop", "offline_access", "uma_authorization"] },
          resource_access: { account: { roles: ["manage-account", "view-profile"] } },
          scope: "openid profile email",
          ...profile,
        },
        admin: { realm_access: { roles: ["default-roles-shop", "admin"] } },
        elsewhere: { aud: "account" },
      },
    ],
  },
  {
    name: "Amazon Cognito",
    settings: {
      JWT_ALGORITHMS: "RS256",
      JWT_ISSUER: "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEf123",
      JWT_AUDIENCE: "3n4b5urk1ft4fl3mg5e62d9ado",
      ROLE_CLAIM: "cognito:groups",
    },
    hint: "the audience is the app client's id, also for access tokens, which name it in `client_id`",
    jwksUri: "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEf123/.well-known/jwks.json",
    keySet: plainKey,
    shapes: [
      {
        kind: "access token",
        claims: {
          sub: USER_ID,
          iss: "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEf123",
          client_id: "3n4b5urk1ft4fl3mg5e62d9ado",
          origin_jti: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
          event_id: "bbbbbbbb-bbbb-cccc-dddd-eeeeeeeeeeee",
          token_use: "access",
          scope: "aws.cognito.signin.user.admin",
          username: "alice",
        },
        admin: { "cognito:groups": ["admin"] },
        elsewhere: { client_id: ELSEWHERE },
      },
      {
        kind: "ID token",
        claims: {
          sub: USER_ID,
          iss: "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEf123",
          aud: "3n4b5urk1ft4fl3mg5e62d9ado",
          token_use: "id",
          "cognito:username": "alice",
          email: "alice@shop.example",
          email_verified: true,
        },
        admin: { "cognito:groups": ["customers", "admin"] },
        elsewhere: { aud: ELSEWHERE, client_id: "3n4b5urk1ft4fl3mg5e62d9ado" },
      },
    ],
  },
  {
    name: "Clerk",
    settings: {
      JWT_ALGORITHMS: "RS256",
      JWT_ISSUER: "https://clerk.shop.example",
      JWKS_URL: "https://clerk.shop.example/.well-known/jwks.json",
      JWT_AUDIENCE: "https://shop.example",
      ROLE_CLAIM: "o.rol",
    },
    hint: "the audience is the page's origin, which session tokens name in `azp`; `o.rol` is the role in the organization",
    jwksUri: null,
    keySet: plainKey,
    shapes: [
      {
        kind: "session token (version 2)",
        header: { typ: "JWT", cat: "cl_B7d4PD111AAA" },
        claims: {
          azp: "https://shop.example",
          fva: [7, -1],
          iss: "https://clerk.shop.example",
          jti: "2f6c9a0b1d",
          sid: "sess_2Kq7Yx",
          sts: "active",
          sub: USER_ID,
          v: 2,
        },
        admin: { o: { id: "org_2Kq", rol: "admin", slg: "shop", per: "manage" } },
        elsewhere: { azp: "https://other.example" },
      },
    ],
  },
  {
    name: "Supabase",
    settings: {
      JWT_ALGORITHMS: "ES256",
      JWT_ISSUER: "https://abcdefghijklmnopqrst.supabase.co/auth/v1",
      JWKS_URL: "https://abcdefghijklmnopqrst.supabase.co/auth/v1/.well-known/jwks.json",
      JWT_AUDIENCE: "authenticated",
      ROLE_CLAIM: "app_metadata.role",
    },
    hint: '`role` is the database\'s role; for a project with a legacy secret, `JWT_ALGORITHMS = "HS256"` and `JWT_SECRET`',
    jwksUri: null,
    keySet: (key) => [{ ...key, ext: true, key_ops: ["verify"] }],
    shapes: [
      {
        kind: "access token",
        header: { typ: "JWT" },
        claims: {
          iss: "https://abcdefghijklmnopqrst.supabase.co/auth/v1",
          sub: USER_ID,
          aud: "authenticated",
          email: "alice@shop.example",
          phone: "",
          app_metadata: { provider: "email", providers: ["email"] },
          // Users can write this themselves.
          user_metadata: { email: "alice@shop.example", role: "admin" },
          role: "authenticated",
          aal: "aal1",
          amr: [{ method: "password", timestamp: 1_790_000_000 }],
          session_id: "1b9f1c9a-4d0e-4c69-8a5e-0f0d5b6b8c3e",
          is_anonymous: false,
        },
        admin: { app_metadata: { provider: "email", providers: ["email"], role: "admin" } },
        elsewhere: { aud: "anon" },
      },
    ],
  },
  {
    name: "Microsoft Entra ID",
    settings: {
      JWT_ALGORITHMS: "RS256",
      JWT_ISSUER: "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0",
      JWT_AUDIENCE: "00001111-aaaa-2222-bbbb-3333cccc4444",
      ROLE_CLAIM: "roles",
      USER_ID_CLAIM: "oid",
    },
    hint: "one tenant, never `common`; `sub` differs between applications, `oid` does not; app roles are in `roles`",
    jwksUri: "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/discovery/v2.0/keys",
    // Its keys name no algorithm.
    keySet: ({ alg: _, ...key }) =>
      withCertificate(key, { cloud_instance_name: "microsoftonline.com", issuer: "https://login.microsoftonline.com" }),
    shapes: [
      {
        kind: "access token (v2.0)",
        header: { typ: "JWT" },
        claims: {
          aud: "00001111-aaaa-2222-bbbb-3333cccc4444",
          iss: "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0",
          aio: "AYQAe/8aAAAA",
          azp: "11112222-bbbb-3333-cccc-4444dddd5555",
          azpacr: "0",
          name: "Alice Example",
          oid: USER_ID,
          preferred_username: "alice@shop.example",
          rh: "0.AX8A",
          scp: "orders.read",
          sub: "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
          tid: "aaaabbbb-0000-cccc-1111-dddd2222eeee",
          uti: "fqiBqXLPj0eQa82S",
          ver: "2.0",
        },
        admin: { roles: ["admin"] },
        elsewhere: { aud: ELSEWHERE, azp: "00001111-aaaa-2222-bbbb-3333cccc4444" },
      },
    ],
  },
  {
    name: "Firebase",
    settings: {
      JWT_ALGORITHMS: "RS256",
      JWT_ISSUER: "https://securetoken.google.com/shop-12345",
      JWT_AUDIENCE: "shop-12345",
    },
    hint: "the audience is the project's id; `role` is a custom claim",
    jwksUri: "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com",
    keySet: plainKey,
    shapes: [
      {
        kind: "ID token",
        header: { typ: "JWT" },
        claims: {
          iss: "https://securetoken.google.com/shop-12345",
          aud: "shop-12345",
          user_id: USER_ID,
          sub: USER_ID,
          email: "alice@shop.example",
          email_verified: true,
          firebase: { identities: { email: ["alice@shop.example"] }, sign_in_provider: "password" },
        },
        admin: { role: "admin" },
        elsewhere: { aud: "another-project" },
      },
    ],
  },
];
