import {
  ACK_REQUEST_AFTER_CHARACTERS,
  MAX_REPLAY_CHARACTERS,
  MAX_UNREAD_REPLAY_CHARACTERS_PER_OBJECT,
} from "../../protocol/limits.ts";

/** Whether a replay is so long that the client is asked to acknowledge it. Shorter ones are not counted. */
export const isLongReplay = (characters: number) => characters > ACK_REQUEST_AFTER_CHARACTERS;

/**
 * Bounds the long replays that `tidings.v1` clients have not acknowledged: the runtime keeps what a client does not read
 * until its socket is gone, and a replay may be longer than flow control allows.
 */
export class UnreadReplays<Socket extends object> {
  readonly #replays = new Map<Socket, { user: string; characters: number }>();

  /** Returns whether a user may be sent one more replay. */
  hasRoomFor(user: string, characters: number): boolean {
    if (!isLongReplay(characters)) return true;
    const total = (replays: { characters: number }[]) =>
      replays.reduce((sum, replay) => sum + replay.characters, characters);
    const all = [...this.#replays.values()];
    const ofUser = all.filter((replay) => replay.user === user);
    return total(ofUser) <= MAX_REPLAY_CHARACTERS && total(all) <= MAX_UNREAD_REPLAY_CHARACTERS_PER_OBJECT;
  }

  add(socket: Socket, user: string, characters: number): void {
    this.#replays.set(socket, { user, characters });
  }

  /** The client has read its replay, or its socket is gone. */
  remove(socket: Socket): void {
    this.#replays.delete(socket);
  }
}
