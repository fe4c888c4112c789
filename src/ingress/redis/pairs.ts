/** Redis writes names and values as one flat list. @returns Them as pairs; a name without a value has `undefined`. */
export function pairsOf<T>(words: readonly T[]): [name: T, value: T | undefined][] {
  return words.flatMap((name, i): [T, T | undefined][] => (i % 2 === 0 ? [[name, words[i + 1]]] : []));
}
