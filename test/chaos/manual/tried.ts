/** What is tried under failures, and which faults that has found. */

/** A fault that was fixed, with the file and the name of its regression test. */
export interface Found {
  text: string;
  file: string;
  test: string;
}

export interface Tried {
  what: string;
  /** Names of nemeses. */
  faults: string[];
  /** By tests of such failures. */
  found: Found[];
}

const SHARD_RACES = "spec/shard-races";
const FAILOVERS = "runtime/stream-failovers";

export const TRIED: Tried[] = [
  {
    what: "The service: killed with `kill -9`; an object evicted, its sockets closed; everything hibernated; its disk full",
    faults: ["kill -9 of the service", "eviction with sockets closed", "hibernation", "full disk"],
    found: [
      {
        text: "a shard that slept before its first event closed its sockets",
        file: "spec/shards",
        test: "a shard that hibernates before its first event keeps its listeners as well",
      },
    ],
  },
  {
    what: "Redis: killed; restarted; paused; flushed; set back to an earlier state",
    faults: ["kill -9 of Redis", "restart of Redis", "pause of Redis", "flush of Redis", "Redis set back"],
    found: [
      {
        text: "entries that were trimmed right after a gap went unnoticed",
        file: FAILOVERS,
        test: "notices entries that were trimmed before the first read of a stream that was created again",
      },
      {
        text: "a trim after a failover removed unread entries",
        file: FAILOVERS,
        test: "removes nothing from a stream that a failover has set back since the read",
      },
      {
        text: "a failover between two commands of one read made the relay miscount what was lost",
        file: FAILOVERS,
        test: "counts what is missing in one moment, whatever happens to the stream between two commands",
      },
    ],
  },
  {
    what: "The path to Redis: 500; 401; no answer; half an answer; a lost reply; the doorbell cut",
    faults: ["bridge: 500", "bridge: 401", "bridge: hang", "bridge: truncate", "bridge: lose reply", "doorbell cut"],
    found: [
      {
        text: "an event was queued after one that Redis had not taken",
        file: "unit/ingress/dispatch",
        test: "no event of an unreachable channel is queued after one that Redis did not take",
      },
    ],
  },
  {
    what: "Listeners: reset; in a dead network; half open; slow; never reading; leaving and returning",
    faults: [
      "connections reset",
      "network that drops everything",
      "half-open connections (paused process)",
      "slow listeners",
      "listeners that never read",
      "listeners that leave and return",
    ],
    found: [
      {
        text: "a shard whose last listener left while it subscribed fell silent",
        file: SHARD_RACES,
        test: "a shard whose last listener leaves while it subscribes still receives events for the next one",
      },
    ],
  },
  { what: "The clock set forward or back", faults: ["clock jump"], found: [] },
  {
    what: "Another number of shards; the version before shards deployed over the same storage, and this one again",
    faults: ["change of the shard plan", "deploy of the previous version and back"],
    found: [
      {
        text: "a shard refused all clients after the plan had left it out once",
        file: "spec/shard-positions",
        test: "a shard that has left the plan serves again when the plan has it again",
      },
      {
        text: "ids from before a rollback counted as known although their events were gone",
        file: "spec/storage-layouts",
        test: "a history that it began again after a rollback knows its ids, and none from before",
      },
    ],
  },
];

export const FOUND_BY_FUZZING: Found[] = [
  {
    text: "an object with an odd length stopped the stream",
    file: "unit/protocol/safe-length",
    test: "found by fuzzing: an object whose length is no number is refused where %s is expected",
  },
  {
    text: "a damaged reply of Redis made its parser throw",
    file: "unit/ingress/replies",
    test: "found by fuzzing: an object in place of a count is another shape, not an exception",
  },
];
