import * as z from "zod";
import { listOf } from "./lists.ts";
import { isSharedDomain } from "./shared-domains.ts";

/** The origins whose pages may use the service (RFC 6454; Fetch, "origin header"), in lower case. */
export interface AllowedOrigins {
  /** Whether the list contains `*`. */
  any: boolean;
  exact: ReadonlySet<string>;
  wildcards: readonly WildcardOrigin[];
}

/** Matches origins with exactly one label between `start` and `end`. */
export interface WildcardOrigin {
  /** The scheme: `https://`. */
  start: string;
  /** `.shop.example`, with its port if it is not the scheme's own. */
  end: string;
}

type ParsedOrigin = "*" | string | WildcardOrigin | { problem: string };

const FORM = "must be origins (scheme, host, port; no path), separated by commas, or *";

function parseOrigin(text: string): ParsedOrigin {
  const origin = text.toLowerCase().replace(/\/$/, "");
  if (origin === "*") return origin;
  if (origin === "null") return { problem: "must not include null: any sandboxed page has that origin" };
  if (/^wss?:/.test(origin)) return { problem: "must start with http or https, not with ws or wss" };
  if (origin.includes("*")) return parseWildcard(origin);
  if (!/^https?:/.test(origin)) {
    // Apps and extensions. The URL standard gives other schemes no origin; browsers send the text as it is.
    return /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s]+$/.test(origin) ? origin : { problem: FORM };
  }
  return webOrigin(origin) ?? { problem: FORM };
}

/** Returns an http(s) origin as browsers send it: in Punycode, without the scheme's own port. */
function webOrigin(text: string): string | null {
  const url = URL.parse(text);
  const isOrigin = url?.pathname === "/" && !/[?#@\\]/.test(text) && !url.host.includes("*");
  return isOrigin ? url.origin : null;
}

function parseWildcard(text: string): ParsedOrigin {
  const [start, rest] = text.split("*.", 2);
  const origin = text.split("*").length === 2 && rest !== undefined ? webOrigin(`${start}label.${rest}`) : null;
  const { hostname } = URL.parse(origin ?? "") ?? {};
  const parent = hostname?.slice("label.".length) ?? "";
  const isLocal = start === "http://" && parent === "localhost";
  if (origin === null || (start !== "https://" && !isLocal)) {
    return { problem: "must have a wildcard only for the whole first label of an https host: https://*.shop.example" };
  }
  if (!isLocal && isSharedDomain(parent)) {
    return {
      problem:
        "must not have a wildcard directly below a domain where anyone can register a name, such as *.co.uk or *.pages.dev",
    };
  }
  return { start, end: origin.slice(`${start}label`.length) };
}

const origin = z.string().transform((text, context): Exclude<ParsedOrigin, { problem: string }> => {
  const parsed = parseOrigin(text);
  if (typeof parsed === "string" || "end" in parsed) return parsed;
  context.addIssue(parsed.problem);
  return z.NEVER;
});

export const origins = listOf(origin).transform(
  (parsed): AllowedOrigins => ({
    any: parsed.includes("*"),
    exact: new Set(parsed.filter((origin) => typeof origin === "string")),
    wildcards: parsed.filter((origin) => typeof origin === "object"),
  }),
);
