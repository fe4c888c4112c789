import * as z from "zod";
import { safeLength } from "../../protocol/safe-length.ts";
import { EPOCH_DOCUMENT } from "../layout.ts";
import type { Storage } from "../storage.ts";
import { readLogRow } from "./log-row.ts";

/** Where a log begins and ends. Times are in milliseconds since 1970. */
export interface Extent {
  epoch: string;
  /** Whether the epoch is stored, and so the channel exists. */
  isStored: boolean;
  /** When the epoch began; 0 before it is stored, because the channel does not exist then. */
  epochStartedAt: number;
  /** Replay begins after this `seq`. */
  base: number;
  /** Every product's events after this `seq` are chained (`ProductChains`); undefined when none are. */
  chainedAfter: number | undefined;
  /** The first `seq` in the log; `head + 1` when it is empty. */
  oldest: number;
  oldestTs: number;
  /** The `seq` of the last event. */
  head: number;
  headTs: number;
}

const channelState = z.object({
  epoch: safeLength(z.string().min(1)),
  /** Replay begins after this `seq`: what came before belongs to another epoch or owner, or has left the log. */
  base: z.int().min(0),
  /** When the epoch began, in milliseconds since 1970. */
  since: z.number().default(0),
  /** Set for logs with product chains. Earlier versions drop it when they write this document. */
  chainedAfter: z.int().min(0).exactOptional(),
});

/**
 * Reads the extent; `damaged` when the first or last row cannot be read. Without a stored epoch, makes up a random one.
 */
export function readExtent(storage: Storage): Extent | "damaged" {
  const ends = ["ASC", "DESC"].flatMap((order) =>
    storage.read(`SELECT seq, ts FROM log ORDER BY seq ${order} LIMIT 1`),
  );
  const [first, last] = ends.map(readLogRow);
  if (first === null || last === null) return "damaged";
  const channel = storage.readState(EPOCH_DOCUMENT, channelState);
  const head = Math.max(last?.seq ?? 0, channel?.base ?? 0);
  return {
    epoch: channel?.epoch ?? randomEpoch(),
    isStored: channel !== null,
    epochStartedAt: channel?.since ?? 0,
    // Without a readable epoch, none of the stored events may be replayed.
    base: channel?.base ?? head,
    chainedAfter: channel?.chainedAfter,
    oldest: first?.seq ?? head + 1,
    oldestTs: first?.ts ?? 0,
    head,
    headTs: last?.ts ?? 0,
  };
}

/** Stores the epoch, and where replay begins. */
export function writeEpoch(
  storage: Storage,
  { epoch, base, epochStartedAt, chainedAfter }: Pick<Extent, "epoch" | "base" | "epochStartedAt" | "chainedAfter">,
): void {
  const chained = chainedAfter === undefined ? {} : { chainedAfter };
  const state = { epoch, base, since: epochStartedAt, ...chained } satisfies z.infer<typeof channelState>;
  storage.writeState(EPOCH_DOCUMENT, state);
}

/** Empties a damaged log, in a new epoch that continues from the highest `seq` of the old one. */
export function emptyDamagedLog(storage: Storage, now: number): void {
  const query = "SELECT max(seq) AS seq FROM log WHERE seq BETWEEN 1 AND ?";
  const head = Number(storage.read(query, Number.MAX_SAFE_INTEGER)[0]?.seq ?? 0);
  const base = Math.max(head, storage.readState(EPOCH_DOCUMENT, channelState)?.base ?? 0);
  storage.transaction(() => {
    storage.truncateLog();
    writeEpoch(storage, { epoch: randomEpoch(), base, epochStartedAt: now, chainedAfter: undefined });
  });
}

/** Returns a new epoch: 32 random bits, so a former one is unlikely to recur. */
export function randomEpoch(): string {
  return crypto.randomUUID().slice(0, 8);
}
