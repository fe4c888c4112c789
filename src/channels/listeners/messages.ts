import { chunksOf } from "../../protocol/chunks.ts";
import type { LoggedFrame } from "../log/history.ts";

/** Frames to a `tidings.v1` client go out together, in messages of about this many characters. */
const MAX_MESSAGE_LENGTH = 256 * 1024;

/**
 * The messages that carry some frames to a client: one a frame, or arrays when it speaks `tidings.v1`.
 * @param picked The indexes of the frames that this client gets.
 * @param made The arrays made so far in this broadcast, by what is in them: each is made once for all who get the same.
 */
export function messagesFor(
  speaksV1: boolean,
  frames: LoggedFrame[],
  picked: number[],
  made: Map<string, string[]>,
): readonly string[] {
  const isAll = picked.length === frames.length;
  const texts = () => (isAll ? frames : picked.flatMap((index) => frames[index] ?? [])).map(({ text }) => text);
  if (!speaksV1 || picked.length === 1) return texts();
  const key = isAll ? "all" : picked.join();
  const messages = made.get(key) ?? packMessages(texts());
  made.set(key, messages);
  return messages;
}

/** Joins frames into JSON arrays of a bounded length, in order; one alone stays as it is. */
export function packMessages(frames: string[], maxLength = MAX_MESSAGE_LENGTH): string[] {
  return chunksOf(frames, maxLength).map((chunk) => (chunk.length === 1 ? String(chunk[0]) : `[${chunk.join()}]`));
}
