/**
 * Returns 31 bits of an id's FNV-1a hash: as many as V8 keeps in a `Map` without allocating. It hashes UTF-16 units, five
 * times as fast as code points (`fnv1a`). Stored chunks contain hashes, so they must never change.
 */
export function hashId(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  return hash >> 1;
}
