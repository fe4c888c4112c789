import { claimOf } from "../../../sdk/connection/token.ts";
import { Store } from "./store.ts";

/**
 * What the visitor may do. The page holds no secret: `npm run dev` prints an address whose fragment (`#…`, which a
 * browser sends to nobody) brings them, or the visitor pastes them. They live as long as the tab.
 */
export interface Credentials {
  /** The order to follow. */
  order: string;
  /** The token of the order's owner. */
  customer: string;
  /** A token that may listen to every order. */
  admin: string;
  /** The publish key. */
  key: string;
  /** With which of the tokens the page listens. */
  as: "customer" | "admin";
}

const STORAGE_KEY = "tidings-demo:credentials";
const NONE: Credentials = { order: "", customer: "", admin: "", key: "", as: "customer" };
const NAMES = ["order", "customer", "admin", "key"] as const;

export const credentials = new Store<Credentials>(read());

/** The token that the page listens with; empty when there is none. */
export const tokenOf = (held: Credentials): string => held[held.as] || held.customer || held.admin;

/** Keeps what is not empty beside what is there. */
export function keep(changes: Partial<Credentials>): void {
  const next = { ...credentials.get(), ...changes };
  try {
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify(next));
  } catch {
    // Storage is forbidden or full: then they live as long as the page.
  }
  credentials.set(next);
}

/** Takes the credentials out of a demo address, so that neither a bookmark nor a glance at it has them. */
export function takeFromAddress(): void {
  const given = new URLSearchParams(location.hash.slice(1));
  const found = NAMES.filter((name) => given.get(name));
  if (found.length === 0) return;
  history.replaceState(null, "", `${location.pathname}#/shop`);
  keep({ ...NONE, ...Object.fromEntries(found.map((name) => [name, given.get(name)?.trim()])) });
}

/** What a token says of itself, for people to read; whether that is true is for the service to decide. */
export function aboutToken(token: string): { subject: string; endsAt: Date | null } | null {
  const bytes = claimOf(token, "sub");
  const exp = claimOf(token, "exp");
  if (typeof bytes !== "string") return null;
  const subject = new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)));
  return { subject, endsAt: typeof exp === "number" ? new Date(exp * 1000) : null };
}

function read(): Credentials {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "{}");
    const held: Credentials = { ...NONE };
    for (const [name, value] of Object.entries(stored ?? {})) {
      if (name === "as") held.as = value === "admin" ? "admin" : "customer";
      for (const known of NAMES) if (name === known && typeof value === "string") held[known] = value;
    }
    return held;
  } catch {
    return NONE;
  }
}
