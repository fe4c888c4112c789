import { CLOSE_CODES, type CloseCode } from "../protocol/close-codes.ts";
import { REFUSALS } from "../protocol/refusals.ts";

/** How a socket ended. */
export interface Closing {
  code: number;
  reason: string;
}

/** What a socket's end reports when nobody said goodbye (RFC 6455, section 7.1.5). */
export const BROKEN_OFF = 1006;
/** The code of a token that is not taken. */
export const UNAUTHENTICATED = REFUSALS.token_invalid.close;

function isCloseCode(code: number): code is CloseCode {
  return Object.hasOwn(CLOSE_CODES, code);
}

/** Whether to come back by oneself after a close: `never`, after a `backoff`, or `now`. */
export function retryOf(code: number): "never" | "backoff" | "now" {
  if (isCloseCode(code)) return CLOSE_CODES[code].retry;
  // A code of a newer service: its decade says enough. Codes below 4000 are of the network and of restarts.
  if (code >= 4000 && code < 4100) return "never";
  return code >= 4200 && code < 4300 ? "now" : "backoff";
}

/** A close in words, for people. */
export function describeClosing({ code, reason }: Closing): string {
  if (isCloseCode(code)) return `${code} (${CLOSE_CODES[code].name}): ${CLOSE_CODES[code].meaning}`;
  if (reason !== "") return `${code}: ${reason}`;
  return code === BROKEN_OFF ? `${code}: the connection broke off` : String(code);
}

/** What a person can do about a close; nothing is known for codes that are not the service's own. */
export function remedyOf(code: number): string {
  return isCloseCode(code) ? CLOSE_CODES[code].todo : "";
}
