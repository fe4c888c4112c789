import type { Output } from "../connection/link.ts";
import type { PageInput } from "../connection/page.ts";
import type { Position } from "../connection/types.ts";
import type { CatchUp } from "./replica.ts";

/** What tabs send each other over their BroadcastChannel. */
export type TabMessage =
  /** A tab asks the leader for what it missed. `isNew`: it was just opened, so its token may be newer than the leader's. */
  | { type: "hello"; from: string; position: Position | null; isNew: boolean }
  /** The leader's answer, for one tab. */
  | { type: "catch_up"; to: string; catchUp: CatchUp; isVisible: boolean }
  /** What the leader's socket reported, and whether the leader's page is visible. */
  | { type: "outputs"; outputs: RelayedOutput[]; lagMs: number | null; isVisible: boolean }
  /** A page called `reconnect()` or `refreshToken()`; the leader does it, with the token of that page if it has one. */
  | { type: "reconnect" | "refresh"; token: string | null }
  /** The page of a follower was shown, or its network was lost or returned. */
  | { type: "page"; input: PageInput };

export type Hello = Extract<TabMessage, { type: "hello" }>;

export interface RelayedOutput {
  output: Output;
  /** The leader's position before the output. A follower behind it has missed something. */
  after: Position | null;
}
