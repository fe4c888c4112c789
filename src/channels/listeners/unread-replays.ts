import {
  ACK_REQUEST_AFTER_CHARACTERS,
  MAX_UNREAD_REPLAY_BYTES_PER_OBJECT,
  MAX_UNREAD_REPLAY_CHARACTERS_PER_USER,
} from "../../protocol/limits.ts";

/** The size of a replay: the limit per user is in characters, the limit per object in bytes. */
export interface ReplaySize {
  characters: number;
  bytes: number;
}

/** Whether a replay is so long that the client is asked to acknowledge it. Shorter ones are not counted. */
export const isLongReplay = ({ characters }: ReplaySize) => characters > ACK_REQUEST_AFTER_CHARACTERS;

/**
 * Bounds the long replays that `tidings.v1` clients have not acknowledged: the runtime keeps what a client does not read
 * until its socket is gone, and a replay may be longer than flow control allows.
 */
export class UnreadReplays<Socket extends object> {
  readonly #replays = new Map<Socket, ReplaySize & { user: string }>();

  /** Returns whether a user may be sent one more replay. */
  hasRoomFor(user: string, size: ReplaySize): boolean {
    if (!isLongReplay(size)) return true;
    const all = [...this.#replays.values()];
    const ofUser = all.filter((replay) => replay.user === user);
    const characters = ofUser.reduce((sum, replay) => sum + replay.characters, size.characters);
    const bytes = all.reduce((sum, replay) => sum + replay.bytes, size.bytes);
    return characters <= MAX_UNREAD_REPLAY_CHARACTERS_PER_USER && bytes <= MAX_UNREAD_REPLAY_BYTES_PER_OBJECT;
  }

  add(socket: Socket, user: string, size: ReplaySize): void {
    this.#replays.set(socket, { ...size, user });
  }

  /** The client has read its replay, or its socket is gone. */
  remove(socket: Socket): void {
    this.#replays.delete(socket);
  }
}
