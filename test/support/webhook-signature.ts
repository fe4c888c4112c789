import { Webhook } from "standardwebhooks";
import { PUBLISH_KEY } from "./test-env.ts";

/** Signed publishing (Standard Webhooks), with the library that services use. */

export interface SigningOptions {
  id?: string;
  /** Seconds from now. */
  at?: number;
  key?: string;
}

/** @returns The headers of a signed request. */
export function signatureOf(
  body: string,
  { id = crypto.randomUUID(), at = 0, key = PUBLISH_KEY }: SigningOptions = {},
): Record<string, string> {
  const time = new Date(Date.now() + at * 1000);
  return {
    "Content-Type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(time.getTime() / 1000)),
    "webhook-signature": new Webhook(key, { format: "raw" }).sign(id, time, body),
  };
}
