/** What else there is in Redis besides the stream that `REDIS_STREAM` names. */

/** A message on this channel, whatever it says, has the stream read at once. */
export const DOORBELL = "tidings:doorbell";
/** Entries that nobody can deliver, each with the reason. */
export const DEAD_LETTERS = "tidings:dead";
