import * as z from "zod";
import { MAX_CLIENT_MESSAGE_BYTES, MAX_FILTER_PRODUCTS } from "./frames.ts";
import { idText } from "./ids.ts";
import { isRecord, parseJson } from "./json.ts";
import { MAX_PRODUCT_ID_LENGTH } from "./names.ts";
import { safeLength } from "./safe-length.ts";
import { utf8Length } from "./utf8.ts";

/** The messages of clients and their parser. */

const MAX_NONCE_LENGTH = 36;

const productIds = safeLength(z.array(idText(MAX_PRODUCT_ID_LENGTH)).min(1).max(MAX_FILTER_PRODUCTS));

/** Client → server: every message of the protocol, besides the text `ping`. */
export const clientMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("subscribe"), product_ids: productIds }),
  z.object({ type: z.literal("unsubscribe"), product_ids: productIds }),
  z.object({ type: z.literal("authenticate"), token: z.string() }),
  z.object({
    type: z.literal("ack"),
    seq: z.int().min(0),
    nonce: safeLength(z.string().max(MAX_NONCE_LENGTH)).optional(),
  }),
  z.object({ type: z.literal("ping") }),
]);
export type ClientMessage = z.infer<typeof clientMessage>;

/** Messages that change which events a client receives, or for how long. */
const CONSEQUENTIAL: unknown[] = ["subscribe", "unsubscribe", "authenticate"] satisfies ClientMessage["type"][];

/**
 * Parses a client's message.
 * @returns `malformed` for one that is too long, or of a `CONSEQUENTIAL` type and invalid; `unknown` for any other text that
 * is not part of the protocol.
 */
export function parseClientMessage(text: string): ClientMessage | { type: "malformed" | "unknown" } {
  if (text.length > MAX_CLIENT_MESSAGE_BYTES || utf8Length(text) > MAX_CLIENT_MESSAGE_BYTES)
    return { type: "malformed" };
  const json = parseJson(text);
  const message = clientMessage.safeParse(json).data;
  if (message) return message;
  return isRecord(json) && CONSEQUENTIAL.includes(json.type) ? { type: "malformed" } : { type: "unknown" };
}
