import { expect, test } from "vitest";
import { UnreadReplays } from "../../../../src/channels/listeners/unread-replays.ts";
import {
  ACK_REQUEST_AFTER_CHARACTERS,
  MAX_REPLAY_CHARACTERS,
  MAX_UNREAD_REPLAY_CHARACTERS_PER_OBJECT,
} from "../../../../src/protocol/limits.ts";

test("the long replays that all clients together leave unread are bounded, and short ones are always sent", () => {
  const replays = new UnreadReplays();
  const sockets = Array.from({ length: MAX_UNREAD_REPLAY_CHARACTERS_PER_OBJECT / MAX_REPLAY_CHARACTERS }, () => ({}));
  for (const [i, socket] of sockets.entries()) {
    expect(replays.hasRoomFor(`user ${i}`, MAX_REPLAY_CHARACTERS)).toBe(true);
    replays.add(socket, `user ${i}`, MAX_REPLAY_CHARACTERS);
  }
  expect(replays.hasRoomFor("another", ACK_REQUEST_AFTER_CHARACTERS + 1)).toBe(false);
  expect(replays.hasRoomFor("user 0", ACK_REQUEST_AFTER_CHARACTERS)).toBe(true);
  replays.remove(sockets[0] ?? {});
  expect(replays.hasRoomFor("another", MAX_REPLAY_CHARACTERS)).toBe(true);
});
