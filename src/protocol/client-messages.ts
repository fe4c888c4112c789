import * as z from "zod";
import { MAX_CLIENT_MESSAGE_BYTES, MAX_FILTER_PRODUCTS } from "./frames.ts";
import { idText } from "./ids.ts";
import { parseJson } from "./json.ts";
import { MAX_PRODUCT_ID_LENGTH } from "./names.ts";
import { utf8Length } from "./utf8.ts";

/** The messages of clients, and how the service parses them. */

const MAX_NONCE_LENGTH = 36;

const productIds = z.array(idText(MAX_PRODUCT_ID_LENGTH)).min(1).max(MAX_FILTER_PRODUCTS);

/** Client → server: every message except the text `ping`. */
export const clientMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("subscribe"), product_ids: productIds }),
  z.object({ type: z.literal("unsubscribe"), product_ids: productIds }),
  z.object({ type: z.literal("authenticate"), token: z.string() }),
  z.object({ type: z.literal("ack"), seq: z.int().min(0), nonce: z.string().max(MAX_NONCE_LENGTH).optional() }),
]);
export type ClientMessage = z.infer<typeof clientMessage>;

/** Parses a client's message. Returns null if it is not part of the protocol; the socket is then closed with 4005. */
export function parseClientMessage(text: string): ClientMessage | null {
  if (text.length > MAX_CLIENT_MESSAGE_BYTES || utf8Length(text) > MAX_CLIENT_MESSAGE_BYTES) return null;
  return clientMessage.safeParse(parseJson(text)).data ?? null;
}
