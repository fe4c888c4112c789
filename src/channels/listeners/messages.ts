import { chunksOf } from "../../protocol/chunks.ts";
import type { LoggedFrame } from "../log/log-event.ts";

/**
 * The approximate length up to which frames for a `tidings.v1` client are combined into one message. A client sees only
 * complete messages: at 5 KB/s, 16 KB arrive within the 10 s that it waits for a sign of life, and each message moves its
 * position. A burst still shares one `send` among about 80 events of 200 bytes, which is where its speed comes from:
 * 38.0 times the bare object in `npm run bench -- --only burst`, and 38.5 times with messages of 256 KB.
 */
const MAX_MESSAGE_CHARACTERS = 16 * 1024;

/**
 * Returns the messages that carry some frames to a client: one per frame, or arrays for a `tidings.v1` client.
 * @param picked The indexes of the frames this client receives.
 * @param packed The arrays already packed in this broadcast, by content: clients with the same frames share them.
 */
export function messagesFor(
  speaksV1: boolean,
  frames: LoggedFrame[],
  picked: number[],
  packed: Map<string, string[]>,
): readonly string[] {
  const isAll = picked.length === frames.length;
  const texts = () => (isAll ? frames : picked.flatMap((index) => frames[index] ?? [])).map(({ text }) => text);
  if (!speaksV1 || picked.length === 1) return texts();
  const key = isAll ? "all" : picked.join();
  const messages = packed.get(key) ?? packMessages(texts());
  packed.set(key, messages);
  return messages;
}

/** Joins frames into JSON arrays of bounded length, in order. A frame alone in its chunk is sent as it is. */
export function packMessages(frames: string[], maxLength = MAX_MESSAGE_CHARACTERS): string[] {
  return chunksOf(frames, maxLength).map((chunk) => (chunk.length === 1 ? String(chunk[0]) : `[${chunk.join()}]`));
}
