import { isRecord, parseJson } from "../../../../protocol/json.ts";
import { Store, useStore } from "./store.ts";
import { storedText, storeText } from "./stored-text.ts";

/**
 * The visitor's credentials. The page itself contains no secret: they come from the fragment (`#…`, which browsers never
 * send) of the address that `npm run dev` prints, or the visitor pastes them. They are kept for the life of the tab.
 */
export interface Credentials {
  /** Id of the order to follow. */
  order: string;
  /** Token of the order's owner. */
  customer: string;
  /** Token that may listen to every order. */
  admin: string;
  /** Publish key. */
  key: string;
  /** Which of the two tokens the page listens with. */
  as: "customer" | "admin";
}

const STORAGE_KEY = "tidings-demo:credentials";
export const NONE: Credentials = { order: "", customer: "", admin: "", key: "", as: "customer" };
const NAMES = ["order", "customer", "admin", "key"] as const;

const store = new Store<Credentials>(readStored());

export const useCredentials = (): Credentials => useStore(store);

/** Returns the token that the page listens with, or an empty string if there is none. */
export const activeToken = (credentials: Credentials): string =>
  credentials[credentials.as] || credentials.customer || credentials.admin;

/** Changes some of the credentials and stores them. */
export function saveCredentials(changes: Partial<Credentials>): void {
  const next = { ...store.get(), ...changes };
  storeText("sessionStorage", STORAGE_KEY, JSON.stringify(next));
  store.set(next);
}

/** Moves credentials out of a demo address, so that no bookmark or screenshot contains them. */
export function takeCredentialsFromAddress(): void {
  const given = new URLSearchParams(location.hash.slice(1));
  const found = NAMES.filter((name) => given.get(name));
  if (found.length === 0) return;
  history.replaceState(null, "", `${location.pathname}#/shop`);
  saveCredentials({ ...NONE, ...Object.fromEntries(found.map((name) => [name, given.get(name)?.trim()])) });
}

/** Decodes a token without verifying it, which the service does. Returns null if it has no readable subject. */
export function decodeToken(token: string): { subject: string; expiresAt: Date | null } | null {
  const claims = parseJson(payloadOf(token));
  if (!isRecord(claims)) return null;
  const { sub, exp } = claims;
  // The service accepts integers, and compares them as text.
  if (typeof sub !== "string" && !Number.isSafeInteger(sub)) return null;
  return { subject: String(sub), expiresAt: typeof exp === "number" ? new Date(exp * 1000) : null };
}

/** Returns the JSON of a token's claims, or an empty string if it cannot be read. */
function payloadOf(token: string): string {
  const [, payload = ""] = token.split(".");
  try {
    const bytes = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
    return new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)));
  } catch {
    return "";
  }
}

function readStored(): Credentials {
  const stored = parseJson(storedText("sessionStorage", STORAGE_KEY) ?? "");
  if (!isRecord(stored)) return NONE;
  const credentials: Credentials = { ...NONE, as: stored.as === "admin" ? "admin" : "customer" };
  for (const name of NAMES) credentials[name] = String(stored[name] ?? "");
  return credentials;
}
