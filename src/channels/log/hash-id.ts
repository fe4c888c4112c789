import { fnv1a } from "../../protocol/fnv.ts";

/**
 * Returns 31 bits of an id's hash: as many as V8 keeps in a `Map` without allocating. Stored chunks contain hashes, so they
 * must never change.
 */
export const hashId = (id: string) => fnv1a(id) >> 1;
