import { expect } from "vitest";
import * as z from "zod";
import { upTo } from "../../sdk/support/listener.ts";
import type { VisitedPage } from "./site.ts";

/** What `pages/recovery.ts` shows of its life. */
const diary = z.looseObject({
  seqs: z.array(z.int()),
  /** What the browser did to the page: `freeze`, `pageshow persisted`, `hidden` … */
  life: z.array(z.string()),
  /** The tries to connect: how long after the page began, in milliseconds, and whether there was a network. */
  attempts: z.array(z.object({ at: z.number(), isOnline: z.boolean() })),
  states: z.array(z.string()),
  gaps: z.int(),
});
export type Diary = z.infer<typeof diary>;

export const diaryOf = async (page: VisitedPage): Promise<Diary> => diary.parse(await page.shown());

export const isLive = (page: VisitedPage) => page.shows(({ status }) => expect(status).toBe("live"));

/**
 * Waits until the page has heard of every event; then prints how long that took and how many tries to connect it made.
 * @param last The `seq` of the last event so far.
 * @throws when one is missed, comes twice or in another order, or the page was told of a gap.
 */
export async function missesNothing(page: VisitedPage, last: number, timeoutMs?: number): Promise<Diary> {
  const begin = Date.now();
  await page.shows(({ seqs }) => expect(seqs).toContain(last), timeoutMs);
  const told = await diaryOf(page);
  // More may have come meanwhile.
  expect(told.seqs).toEqual(upTo(told.seqs.length));
  expect(told.gaps).toBe(0);
  const times = told.attempts.map(({ at, isOnline }) => `${(at / 1000).toFixed(1)}${isOnline ? "" : " (offline)"}`);
  const name = expect.getState().currentTestName;
  console.log(
    `${name}: ${told.seqs.length} events, right after ${Date.now() - begin} ms; ${times.length} attempts, at ${times.join(", ")} s`,
  );
  return told;
}
