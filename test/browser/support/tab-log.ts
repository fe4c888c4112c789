import * as z from "zod";

/** What a tab was told (`pages/tab-log.ts`), and whether that keeps the promises. */

const entrySchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("user"), user: z.string() }),
  z.object({ type: z.literal("snapshot"), seq: z.int(), resumed: z.boolean().nullable() }),
  z.object({ type: z.literal("gap"), from: z.int().nullable(), to: z.int() }),
  z.object({ type: z.literal("event"), seq: z.int() }),
]);
export const tabLogSchema = z.looseObject({ status: z.string(), log: z.array(entrySchema) });
export type LogEntry = z.infer<typeof entrySchema>;

/**
 * Follows a tab's log: every event once and in order, or a reported gap; and nothing at all for a user who may not listen.
 * @param stranger The user who may not listen.
 * @returns The position that the tab has reached, null before the first snapshot; and the first broken promise, if any.
 */
export function followLog(
  log: readonly LogEntry[],
  stranger: string,
): { reached: number | null; brokenPromise: string | null } {
  let user = "";
  let reached: number | null = null;
  /** A new user starts again, maybe at an earlier position: a gap reports it. */
  let isNewUser = false;
  for (const [i, entry] of log.entries()) {
    const brokenPromise = (what: string) => ({
      reached,
      brokenPromise: `entry ${i}, ${JSON.stringify(entry)}: ${what}`,
    });
    if (entry.type === "user") {
      isNewUser ||= entry.user !== user;
      user = entry.user;
    } else if (user === stranger) return brokenPromise("for a user who may not listen");
    else if (entry.type === "snapshot") {
      if (reached !== null) continue;
      reached = entry.seq;
      isNewUser = false;
    } else if (entry.type === "gap") {
      if (reached !== null && entry.to < reached && !isNewUser) return brokenPromise(`back from ${reached}`);
      reached = entry.to;
      isNewUser = false;
    } else {
      if (reached === null) return brokenPromise("before a snapshot");
      if (entry.seq <= reached) return brokenPromise(`again, after ${reached}`);
      if (entry.seq > reached + 1) return brokenPromise(`after ${reached}, without a gap`);
      reached = entry.seq;
    }
  }
  return { reached, brokenPromise: null };
}
