import * as z from "zod";
import type { ShardPlan } from "../channels/products/shards/plan.ts";
import { fnv1a } from "../protocol/fnv.ts";
import type { Region } from "../protocol/shards.ts";

/** The parts of `request.cf` that say where a client is; the platform sends the coordinates as text. */
const location = z.object({
  continent: z.string().optional(),
  longitude: z.coerce.number().optional().catch(undefined),
  latitude: z.coerce.number().optional().catch(undefined),
});

/** Borders, in degrees of longitude and latitude. */
const NORTH_AMERICA_MIDDLE = -100;
const EUROPE_MIDDLE = 15;
const MIDDLE_EAST_END = 60;
const FAR_EAST_START = 90;
const SOUTHEAST_ASIA_END = 20;

/**
 * Returns the region of a client. Without a location, as in local development, it is `enam` or `weur`.
 * @param cf `request.cf`.
 * @param jurisdiction `JURISDICTION`, which an object never leaves, whatever its location hint. Only regions in it are
 * returned.
 */
export function regionOf(cf: unknown, jurisdiction: "eu" | undefined): Region {
  const region = nearestRegion(cf);
  if (jurisdiction === undefined) return region;
  return region === "eeur" || region === "me" ? "eeur" : "weur";
}

function nearestRegion(cf: unknown): Region {
  const { continent, longitude, latitude = 0 } = location.safeParse(cf).data ?? {};
  switch (continent) {
    case "EU":
      return longitude !== undefined && longitude > EUROPE_MIDDLE ? "eeur" : "weur";
    case "AS":
      if (longitude === undefined) return "apac";
      if (longitude < MIDDLE_EAST_END) return "me";
      if (longitude < FAR_EAST_START) return "apac";
      return latitude < SOUTHEAST_ASIA_END ? "apac-se" : "apac-ne";
    case "SA":
      return "sam";
    case "AF":
      return "afr";
    case "OC":
    case "AN":
      return "oc";
    default:
      return longitude !== undefined && longitude < NORTH_AMERICA_MIDDLE ? "wnam" : "enam";
  }
}

/**
 * Returns the indices of a region's shards in the order in which a client tries them; empty for a region without any.
 *
 * The order is a different one for each key (rendezvous hashing): clients with the same key share a shard, those of a
 * full shard spread over all others, and a new shard moves few keys.
 * @param key What clients have in common: the first product that they filter by, or the user.
 */
export function shardOrder({ shards }: ShardPlan, region: Region, key: string): number[] {
  const weighted = Array.from({ length: shards[region] ?? 0 }, (_, index) => ({ index, weight: weightOf(index, key) }));
  return weighted.sort((a, b) => b.weight - a.weight || a.index - b.index).map(({ index }) => index);
}

/** FNV-1a, then the finalizer of MurmurHash3: without it, similar keys would order the shards alike. */
function weightOf(index: number, key: string): number {
  let hash = fnv1a(`${index}/${key}`);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
