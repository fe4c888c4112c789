import { CLOSE_CODES } from "../../protocol/close-codes.ts";
import { ABNORMAL_CLOSURE, CLOSE_NAMES, isCloseCode } from "../../protocol/close-rules.ts";
import { printable } from "./printable.ts";

/** How a socket was closed. */
export interface Closing {
  code: number;
  reason: string;
}

/** Describes a close code in a sentence. */
export function describeClosing({ code, reason }: Closing): string {
  if (isCloseCode(code)) return `${code} (${CLOSE_NAMES[code]}): ${CLOSE_CODES[code].meaning}`;
  if (reason !== "") return `${code}: ${printable(reason)}`;
  return code === ABNORMAL_CLOSURE ? `${code}: the connection was lost` : String(code);
}

/** Returns what to do about a close code; empty for codes that are not the service's own. */
export function remedyFor(code: number): string {
  return isCloseCode(code) ? CLOSE_CODES[code].remedy : "";
}
