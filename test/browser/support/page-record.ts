import { expect } from "vitest";
import * as z from "zod";
import { upTo } from "../../sdk/support/listener.ts";
import type { Tab } from "./browsers.ts";
import type { SitePage } from "./site.ts";

/** What `pages/recovery.ts` records about itself. */
const recordSchema = z.looseObject({
  seqs: z.array(z.int()),
  /** What the browser did to the page: `freeze`, `pageshow persisted`, `hidden` … */
  lifecycle: z.array(z.string()),
  /** Connection attempts: milliseconds since the page started, and whether the browser was online. */
  attempts: z.array(z.object({ at: z.number(), isOnline: z.boolean() })),
  states: z.array(z.string()),
  gaps: z.int(),
});
export type PageRecord = z.infer<typeof recordSchema>;

export const recordOf = async (page: SitePage<Tab>): Promise<PageRecord> => recordSchema.parse(await page.state());

/**
 * Waits until the page has received every event, then prints how long that took and how often the page connected.
 * @param lastSeq The `seq` of the last event so far.
 * @throws if an event is missing, repeated or out of order, or the SDK reported a gap.
 */
export async function expectNoneMissed(page: SitePage<Tab>, lastSeq: number, timeoutMs?: number): Promise<PageRecord> {
  const start = Date.now();
  await page.waitFor(({ seqs }) => expect(seqs).toContain(lastSeq), timeoutMs);
  const record = await recordOf(page);
  // More events may have arrived since.
  expect(record.seqs).toEqual(upTo(record.seqs.length));
  expect(record.gaps).toBe(0);
  const times = record.attempts.map(({ at, isOnline }) => `${(at / 1000).toFixed(1)}${isOnline ? "" : " (offline)"}`);
  const test = expect.getState().currentTestName;
  console.log(
    `${test}: all ${record.seqs.length} events after ${Date.now() - start} ms; ${times.length} attempts, at ${times.join(", ")} s`,
  );
  return record;
}
