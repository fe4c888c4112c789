/** Splits texts into chunks, in order, of at most `maxLength` characters. A longer text is a chunk of its own. */
export function chunksOf(texts: string[], maxLength: number): string[][] {
  const chunks: string[][] = [];
  // Over the limit, so that the first text starts a chunk.
  let length = maxLength + 1;
  for (const text of texts) {
    if (length + text.length > maxLength) {
      chunks.push([]);
      length = 0;
    }
    chunks.at(-1)?.push(text);
    // Plus one for the separator.
    length += text.length + 1;
  }
  return chunks;
}
