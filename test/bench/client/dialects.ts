import { SUBPROTOCOL } from "../../../src/protocol/frames.ts";

/** What servers add to WebSocket, as far as a client must know it to be served. */

export interface Dialect {
  /** The subprotocol to offer, if any. */
  subprotocol?: string;
  /** Returns the answer to a control message, which does not count; null for any other message. */
  answer(text: string): string | null;
  /** Returns the events of a message, and whatever else is in it. */
  eventsIn(text: string): unknown[];
}

/** One event per message. */
export const PLAIN: Dialect = {
  answer: () => null,
  eventsIn: (text) => [JSON.parse(text)],
};

/** Matches an `ack_request` up to the fields that an `ack` repeats. */
const ACK_REQUEST = /^\{"type":"ack_request",/;

export const TIDINGS_V1: Dialect = {
  subprotocol: SUBPROTOCOL,
  answer: (text) => (ACK_REQUEST.test(text) ? text.replace(ACK_REQUEST, '{"type":"ack",') : null),
  eventsIn: (text) => [JSON.parse(text)].flat(),
};

/**
 * Engine.IO 4 and Socket.IO 5: `0` opens, `2` pings, `40` connects, `42` is an event with its name and arguments.
 * @param position Where to resume; without it, the client is new.
 */
export const socketIo = (position?: { pid: string; offset: string }): Dialect => ({
  answer(text) {
    if (text.startsWith("0{")) return `40${position ? JSON.stringify(position) : ""}`;
    return text === "2" ? "3" : null;
  },
  eventsIn: (text) => (text.startsWith("42") ? JSON.parse(text.slice("42".length)).slice(1, 2) : []),
});
