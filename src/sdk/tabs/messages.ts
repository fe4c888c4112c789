import type { Output } from "../connection/link.ts";
import type { Position } from "../connection/types.ts";
import type { CatchUp } from "./replica.ts";

/** What tabs send each other over their BroadcastChannel. */
export type TabMessage =
  /** A tab asks the leader for what it missed. `isNew`: it was just opened, so its token may be newer than the leader's. */
  | { type: "hello"; from: string; position: Position | null; isNew: boolean }
  /** The leader's answer, for one tab. */
  | { type: "catch_up"; to: string; catchUp: CatchUp }
  /** What the leader's socket reported. */
  | { type: "outputs"; outputs: RelayedOutput[]; lagMs: number | null }
  /** A page called `reconnect()` or `refreshToken()`; the leader does it. */
  | { type: "reconnect" | "refresh" };

export type Hello = Extract<TabMessage, { type: "hello" }>;

export interface RelayedOutput {
  output: Output;
  /** The leader's position before the output. A follower behind it has missed something. */
  after: Position | null;
}
