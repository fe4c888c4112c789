import { CLOSE_CODES } from "../protocol/close-codes.ts";
import { isCloseCode } from "../protocol/close-rules.ts";

/** How a socket ended. */
export interface Closing {
  code: number;
  reason: string;
}

/** What a socket's end reports when nobody said goodbye (RFC 6455, section 7.1.5). */
export const BROKEN_OFF = 1006;
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
