import * as z from "zod";
import type { Position } from "../../../protocol/frames.ts";
import { safeLength } from "../../../protocol/safe-length.ts";
import { parseShardName, type ShardName } from "../../../protocol/shards.ts";
import type { ChannelRpc, SocketObjectRpc, Usage } from "../../contract.ts";
import type { LoggedFrame } from "../../log/log-event.ts";
import { shardPlan } from "./plan.ts";

/**
 * What the root of the products channel and its shards say to each other. The root orders and stores the events, and
 * pushes them (`take`); a shard has sockets and stores nothing. During a deploy the two may run different versions, so
 * each parses what arrives, and answers `unreadable` to what it does not understand.
 *
 *     ROOT  ../products-channel.ts                         SHARD  products-shard.ts
 *       shard-fan-out.ts   when to push; the plan            shard.ts             its parts
 *         peers.ts         the registered shards
 *           pusher.ts      one push at a time   ── take ──▶  take.ts              sends, and acknowledges
 *           shard-link.ts  what each needs      ◀── join ──  join.ts              registers, adds products
 *                                                              connect-to-shard.ts  for a client that connects
 *                                                              cover.ts             for a client that subscribes
 *                          how many listen      ◀─ report ─  report.ts            the first and the last, at once
 *         disconnect.ts                      ─ disconnect ▶  products-shard.ts
 *
 * Where each rule lives:
 *   how many shards there are                plan.ts; stored by registrations.ts
 *   what a push says, and from where         next-push.ts; root-history.ts (recent-frames.ts, then the log)
 *   how many pushes run at a time            slots.ts
 *   what a shard's listeners have received   head.ts, carried by its sockets through hibernation
 *   whose events a shard receives            covered-interest.ts at the shard, shard-link.ts at the root
 *   who is admitted without asking the root  admission.ts; shard.ts (`isFull`), send-rate.ts
 *   which epoch is the newer one             root-order.ts, enter-epoch.ts
 *   how a shard closes its sockets           drain.ts
 */

/** Part of every request. Raise it when a message changes its meaning. */
export const SHARD_PROTOCOL_VERSION = 1;
const protocolVersion = z.literal(SHARD_PROTOCOL_VERSION);

/** When a shard without listeners is asked whether it still has none. It has forgotten its interest by then. */
export const EMPTY_CHECK_MS = 60_000;

const seq = z.int().min(0);
const channelPosition = z.object({ epoch: z.string(), seq }) satisfies z.ZodType<Position>;
const frame = z.object({ seq, productId: z.string().nullable(), text: z.string() }) satisfies z.ZodType<LoggedFrame>;
const frames = z.array(frame);
const shard = z.custom<ShardName>((name) => typeof name === "string" && parseShardName(name) !== null);

/** Orders epochs, because an answer and a push may overtake each other. */
const stamp = z.object({
  /** Random; a new one each time the root wakes. */
  life: z.string(),
  /** Counts the epochs within a life: 1, 2, 3 … */
  epochs: z.int().min(1),
});
export type Stamp = z.infer<typeof stamp>;

/** A shard that needs more products than this is sent the events of all. Bounds the root's memory for each shard. */
export const MAX_INTEREST_PRODUCTS = 10_000;

/** The products whose events a shard needs; null for all. A higher version is newer, within an incarnation. */
const interest = z.object({ version: z.int().min(0), products: z.array(z.string()).nullable() });

/** One start of a shard's object. */
const incarnation = safeLength(z.string().min(1));

/** A shard registers, and asks for the events of products from now on, and perhaps for those a client missed. */
export const joinRequest = z.object({
  version: protocolVersion,
  shard,
  incarnation,
  /** Added to the shard's interest; its version is that of this addition. */
  interest,
  /** The position that the client resumes from; `invalid` or null for none. */
  resume: z.union([channelPosition, z.literal("invalid"), z.null()]),
  /** The shard's number of listeners. */
  count: z.int().min(0),
});
export type JoinRequest = z.infer<typeof joinRequest>;

const notUnderstood = z.object({ status: z.literal("unreadable") });
/** The root knows a later incarnation of this shard: this object has been replaced. */
const fenced = z.object({ status: z.literal("fenced") });

export const joinAnswer = z.discriminatedUnion("status", [
  z.object({
    status: z.literal("joined"),
    stamp,
    /** The root's head: later events of the products will be pushed. */
    ...channelPosition.shape,
    /** The products' events after the client's position, up to the head; null when the client cannot resume. */
    frames: frames.nullable(),
    plan: shardPlan,
  }),
  fenced,
  /** The plan does not have this shard. Nothing was stored. */
  z.object({ status: z.literal("outside_plan"), plan: shardPlan }),
  notUnderstood,
]);
export type JoinAnswer = z.infer<typeof joinAnswer>;

/** A shard's number of listeners has changed. */
export const reportRequest = joinRequest.pick({ version: true, shard: true, incarnation: true, count: true });
export type ReportRequest = z.infer<typeof reportRequest>;

export const reportAnswer = z.discriminatedUnion("status", [
  z.object({ status: z.literal("noted"), plan: shardPlan }),
  fenced,
  /** The root does not know this shard, so its listeners receive nothing: they must reconnect. */
  z.object({ status: z.literal("unregistered") }),
  notUnderstood,
]);
export type ReportAnswer = z.infer<typeof reportAnswer>;

/** The root pushes all events in `(after, upTo]` that the shard's interest covers. */
export const takeRequest = z.object({
  version: protocolVersion,
  stamp,
  epoch: z.string(),
  after: seq,
  upTo: seq,
  /** In order. */
  frames,
  /** Set when the history no longer reaches back to the shard's head: its listeners must reconnect. */
  isReset: z.boolean(),
  plan: shardPlan,
  /** The version of the last interest that the root took from an acknowledgement of this incarnation; null for none. */
  interestVersion: z.int().min(0).nullable(),
});
export type TakeRequest = z.infer<typeof takeRequest>;

const acknowledgement = {
  incarnation,
  /** The shard's number of listeners. */
  count: z.int().min(0),
  /** Replaces what the root knows, unless it knows a later addition. Sent until a push names its version. */
  interest: interest.nullable(),
};

export const takeAnswer = z.discriminatedUnion("status", [
  /** Everything up to the head was sent to the shard's listeners, and the head survives hibernation. */
  z.object({
    status: z.literal("taken"),
    head: channelPosition,
    /** How many events were sent, summed over all listeners. The root counts them: a report of its own would keep the shard awake. */
    sent: z.int().min(0),
    ...acknowledgement,
  }),
  /** The push begins after the head, or in a former epoch: the next one must begin at the head. Nothing was taken. */
  z.object({ status: z.literal("want"), head: channelPosition, ...acknowledgement }),
  /**
   * The shard has no listeners, and had none for about a minute or cannot accept any: it is fenced, outside the plan or
   * without a head. It will join before it accepts one.
   */
  z.object({ status: z.literal("empty"), incarnation }),
  notUnderstood,
]);
export type TakeAnswer = z.infer<typeof takeAnswer>;

/** The RPC methods of the root: those of a channel, and those for its shards. */
export interface ProductsChannelRpc extends ChannelRpc {
  /**
   * Registers a shard if it is new, adds to its interest, and reads the head and the missed events, in one turn.
   * Registering writes one row, as does a new plan or epoch.
   */
  join(request: JoinRequest): Promise<JoinAnswer>;
  /** Notes a shard's number of listeners. One without any is asked a minute later: its answer ends the registration. */
  report(request: ReportRequest): Promise<ReportAnswer>;
}

/** The RPC methods of a shard's object. */
export interface ProductsShardRpc extends SocketObjectRpc {
  /** Sends events to the listeners, and answers once they are sent. Repeating it sends nothing twice. */
  take(request: TakeRequest): Promise<TakeAnswer>;
  /** For tests: a shard writes no row but its alarm. */
  usage(): Promise<Usage>;
}
