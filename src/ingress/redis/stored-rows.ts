import * as z from "zod";
import { isDeadLetterCode } from "../../protocol/dead-letters.ts";
import { parseJson } from "../../protocol/json.ts";
import type { AcceptedEvent } from "../../protocol/publish.ts";
import { safeLength } from "../../protocol/safe-length.ts";
import { type DeadLetter, toDeadLetter } from "./dead-letter.ts";

/** The stored form of events and dead letters: written by this version or a neighbouring one, so it is parsed. Pure. */

const storedLetter = z.object({
  entry: z.object({ id: z.string(), fields: z.array(z.tuple([z.string(), z.string()])) }),
  reason: z.string(),
  // The first version stored neither.
  code: z.string().refine(isDeadLetterCode).default("not_an_event"),
  isCut: z.boolean().default(false),
});

/** Parses a stored dead letter. One that cannot be read becomes a dead letter with the stored text. */
export function parseStoredLetter(text: string): DeadLetter {
  return storedLetter.safeParse(parseJson(text)).data ?? unreadable(null, text);
}

/** Makes a dead letter of stored text that cannot be read. @param channel null when only the text has it. */
export function unreadable(channel: string | null, text: string): DeadLetter {
  const fields: [string, string][] = [["stored", text]];
  if (channel !== null) fields.unshift(["channel", channel]);
  return toDeadLetter({ id: "", fields }, "unreadable_row", "what the relay had stored cannot be read");
}

const storedEvents = z.array(
  z.looseObject({
    channel: z.string(),
    id: safeLength(z.string().min(1)),
    type: z.string(),
    data: z.string(),
    version: z.number().nullable().default(null),
    request: z.string().nullable().default(null),
    productId: z.string().nullable().default(null),
    order: z
      .looseObject({ user_id: z.string(), status: z.string(), payment_status: z.string() })
      .nullable()
      .default(null),
    statusChange: z.looseObject({}).default({}),
    status: z.string().nullable().default(null),
    // The first version stored none.
    acceptedAt: z.number().optional(),
  }),
);

/** Parses the events of an outbox row. Returns null when they cannot be read. */
export function parseStoredEvents(text: string, now: number): AcceptedEvent[] | null {
  const parsed = storedEvents.safeParse(parseJson(text)).data;
  if (!parsed?.length) return null;
  // The relay validated these events before it stored them. The schema above only tells whole rows from damaged ones.
  return parsed.map((event) => ({ ...event, acceptedAt: event.acceptedAt ?? now })) as AcceptedEvent[];
}
