import {
  ACK_REQUEST_AFTER_CHARACTERS,
  MAX_UNREAD_REPLAY_BYTES_PER_OBJECT,
  MAX_UNREAD_REPLAY_CHARACTERS_PER_USER,
} from "../../protocol/limits.ts";
import type { FrameBatch } from "./frame-batch.ts";

/** The limit per user is in characters, the limit per object in bytes, which are counted for long replays only. */
type ReplaySize = Pick<FrameBatch, "characters" | "bytes">;

/** Whether a replay is so long that the client is asked to acknowledge it. Shorter ones are not counted. */
export const isLongReplay = (replay: ReplaySize) => replay.characters() > ACK_REQUEST_AFTER_CHARACTERS;

/**
 * Bounds the long replays that `tidings.v1` clients have not acknowledged: the runtime keeps what a client does not read
 * until its socket is gone, and a replay may be longer than flow control allows.
 */
export class UnreadReplays<Socket extends object> {
  readonly #replays = new Map<Socket, { user: string; characters: number; bytes: number }>();

  /** Returns whether a user may be sent one more replay. */
  hasRoomFor(user: string, replay: ReplaySize): boolean {
    if (!isLongReplay(replay)) return true;
    const all = [...this.#replays.values()];
    const ofUser = all.filter((other) => other.user === user);
    const characters = ofUser.reduce((sum, other) => sum + other.characters, replay.characters());
    const bytes = all.reduce((sum, other) => sum + other.bytes, replay.bytes());
    return characters <= MAX_UNREAD_REPLAY_CHARACTERS_PER_USER && bytes <= MAX_UNREAD_REPLAY_BYTES_PER_OBJECT;
  }

  add(socket: Socket, user: string, replay: ReplaySize): void {
    this.#replays.set(socket, { user, characters: replay.characters(), bytes: replay.bytes() });
  }

  /** The client has read its replay, or its socket is gone. */
  remove(socket: Socket): void {
    this.#replays.delete(socket);
  }
}
