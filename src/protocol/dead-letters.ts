/** Why an event from the Redis stream could not be delivered, and what an operator does about it. */
export const DEAD_LETTER_REASONS = {
  not_an_event: {
    meaning: "The entry lacks a field, or a field is not valid; the detail says which.",
    remedy:
      "Fix the publisher and publish the event again. Retry it only if the event has become valid since, for example through `EXTRA_EVENTS`.",
    canRetry: true,
  },
  not_utf8: {
    meaning: "The entry has bytes that are not UTF-8, which JSON and listeners cannot represent.",
    remedy:
      "Have the publisher encode text as UTF-8, and publish the event again. Its bytes were not kept, so it cannot be retried.",
    canRetry: false,
  },
  too_large: {
    meaning: "The entry is larger than an event may be.",
    remedy: "Publish smaller events. A retry would be refused again.",
    canRetry: false,
  },
  id_conflict: {
    meaning: "The event's id was already used for another event of the channel.",
    remedy: "Have the publisher give each event an id of its own, and publish the event again under a new id.",
    canRetry: false,
  },
  channel_failed: {
    meaning: "The channel kept failing while others worked, so its waiting events were set aside.",
    remedy: 'Search the log for `"where":"deliver"` with this channel, fix the cause, then retry.',
    canRetry: true,
  },
  channel_full: {
    meaning: "The channel was failing, and more events waited for it than the relay keeps.",
    remedy: "As for `channel_failed`. Retry in the order of the entries, after those of `channel_failed`.",
    canRetry: true,
  },
  unreadable_row: {
    meaning: "The relay could not read what it had stored, as after a rollback over several versions.",
    remedy: "Publish the events again. `entry` has the stored text.",
    canRetry: false,
  },
} as const satisfies Record<string, DeadLetterReason>;

interface DeadLetterReason {
  /** One sentence. */
  meaning: string;
  /** What an operator does: a line of the runbook. */
  remedy: string;
  /** Whether adding the entry to the stream again can help. */
  canRetry: boolean;
}

export type DeadLetterCode = keyof typeof DEAD_LETTER_REASONS;

export function isDeadLetterCode(text: string): text is DeadLetterCode {
  return Object.hasOwn(DEAD_LETTER_REASONS, text);
}
