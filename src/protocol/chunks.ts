/** Splits texts into runs, in order, of at most so many characters each; one that is longer alone stays whole. */
export function chunksOf(texts: string[], maxLength: number): string[][] {
  const chunks: string[][] = [];
  // The first one begins a run.
  let length = maxLength + 1;
  for (const text of texts) {
    if (length + text.length > maxLength) {
      chunks.push([]);
      length = 0;
    }
    chunks.at(-1)?.push(text);
    length += text.length + 1;
  }
  return chunks;
}
