/** Parses a message and removes the fields that Tidings adds; the original's clients do not read them. */
export function withoutAdded(text: string): unknown {
  if (!text.startsWith("{")) return text;
  const { id, seq, ts, ...frame } = JSON.parse(text);
  if (frame.type !== "connection_established") return frame;
  const { epoch, seq: position, resumed, ...data } = frame.data;
  if (data.order_id !== undefined) delete data.channel;
  return { ...frame, data };
}
