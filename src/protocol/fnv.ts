/** Returns the FNV-1a hash of a text's code points (RFC 9923, 32 bits). */
export function fnv1a(text: string): number {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return value;
}
