import { expect, test } from "vitest";
import { UnreadReplays } from "../../../../src/channels/listeners/unread-replays.ts";
import {
  ACK_REQUEST_AFTER_CHARACTERS,
  MAX_REPLAY_CHARACTERS,
  MAX_UNREAD_REPLAY_BYTES_PER_OBJECT,
} from "../../../../src/protocol/limits.ts";

const replayOf = (characters: number, bytes: number) => ({ characters: () => characters, bytes: () => bytes });

test("the long replays that all clients together leave unread are bounded in bytes, and short ones are always sent", () => {
  const replays = new UnreadReplays();
  const longest = replayOf(MAX_REPLAY_CHARACTERS, 2 * MAX_REPLAY_CHARACTERS);
  const sockets = Array.from({ length: MAX_UNREAD_REPLAY_BYTES_PER_OBJECT / longest.bytes() }, () => ({}));
  for (const [i, socket] of sockets.entries()) {
    expect(replays.hasRoomFor(`user ${i}`, longest)).toBe(true);
    replays.add(socket, `user ${i}`, longest);
  }
  const [short, long] = [ACK_REQUEST_AFTER_CHARACTERS, ACK_REQUEST_AFTER_CHARACTERS + 1];
  expect(replays.hasRoomFor("another", replayOf(long, long))).toBe(false);
  expect(replays.hasRoomFor("user 0", replayOf(short, short))).toBe(true);
  replays.remove(sockets[0] ?? {});
  expect(replays.hasRoomFor("another", longest)).toBe(true);
});
