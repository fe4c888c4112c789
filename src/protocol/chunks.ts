/**
 * Splits texts into chunks, in order, of at most `maxLength` characters when joined by a one-character separator. A longer
 * text is a chunk of its own.
 */
export function chunksOf(texts: string[], maxLength: number): string[][] {
  return chunksBy(texts, maxLength, ({ length }) => length);
}

/** Splits items like `chunksOf`. @param lengthOf Returns how many characters an item takes. */
export function chunksBy<T>(items: readonly T[], maxLength: number, lengthOf: (item: T) => number): T[][] {
  const chunks: T[][] = [];
  // Over the limit, so that the first item starts a chunk.
  let total = maxLength + 1;
  for (const item of items) {
    const length = lengthOf(item);
    if (total + length > maxLength) {
      chunks.push([]);
      total = 0;
    }
    chunks.at(-1)?.push(item);
    // Plus one for the separator.
    total += length + 1;
  }
  return chunks;
}
