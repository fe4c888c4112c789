import * as z from "zod";
import type { OrderEstablishedFrame } from "../../protocol/frames.ts";
import { parseJson } from "../../protocol/json.ts";

const ESTABLISHED: OrderEstablishedFrame["type"] = "connection_established";

// Loose, so that fields of a newer service do not fail the smoke test.
const looseEstablishedFrame = z.looseObject({
  type: z.literal(ESTABLISHED),
  data: z.looseObject({ channel: z.string(), epoch: z.string(), seq: z.int(), resumed: z.boolean().nullable() }),
});
const looseEventFrame = z.looseObject({
  type: z.string(),
  data: z.record(z.string(), z.unknown()),
  id: z.string(),
  seq: z.int(),
  ts: z.string(),
});

export type ReadFrame =
  | { kind: "established"; data: z.infer<typeof looseEstablishedFrame>["data"] }
  | ({ kind: "event" } & z.infer<typeof looseEventFrame>)
  | { kind: "other" };

/** Reads one message of a socket without `tidings.v1`, where each message is one frame. */
export function readFrame(text: string): ReadFrame {
  const value = parseJson(text);
  const established = looseEstablishedFrame.safeParse(value);
  if (established.success) return { kind: "established", data: established.data.data };
  const event = looseEventFrame.safeParse(value);
  return event.success ? { kind: "event", ...event.data } : { kind: "other" };
}
