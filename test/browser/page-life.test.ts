import { setTimeout as wait } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test as inNode } from "vitest";
import { DEFAULT_TUNING } from "../../src/sdk/connection/tuning.ts";
import { eventually } from "../support/eventually.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { hasChromium } from "./support/chromium.ts";
import { diaryOf, isLive, missesNothing } from "./support/diary.ts";
import { Publishing } from "./support/publishing.ts";
import type { VisitedPage } from "./support/site.ts";
import { type Surroundings, startSurroundings } from "./support/surroundings.ts";

/** What a real Chromium does to pages: it hides, freezes and keeps them; and the laptop around it sleeps. */

const test = inNode.skipIf(!hasChromium("pages that are hidden, frozen, left and come back to"));
const LAPTOP_SLEEP_MS = 30_000;

let around: Surroundings;
beforeAll(async () => {
  around = await startSurroundings();
});
afterAll(() => around?.stop());

let order: string;
let page: VisitedPage;
let publishing: Publishing;
beforeEach(async () => {
  order = await registerOrderAt(around.service.url);
});
afterEach(async () => {
  around.network.isDead = false;
  around.chromium.signal("SIGCONT");
  await publishing?.stop();
  for (const tab of around.chromium.profile.pages()) if (tab.url() !== "about:blank") await tab.close();
  expect(around.site.takeErrors()).toEqual([]);
});

/** Opens the page, and begins to publish once it is live. */
async function visit(profile = around.chromium.profile): Promise<void> {
  page = await around.site.visit(profile, "recovery", { url: around.url, order });
  await isLive(page);
  publishing = new Publishing(around.service.url, order);
  await untilPublished(20);
}
const untilPublished = (count: number) => {
  const { last } = publishing;
  return eventually(() => expect(publishing.last).toBeGreaterThanOrEqual(last + count));
};
const connections = async () => {
  const answer = await callService(around.service.url, "GET", "ws/health");
  const { channel_details } = (await answer.json()) as { channel_details: Record<string, number> };
  return channel_details[`order_${order}`] ?? 0;
};
/** Another tab in front of the page. */
const openAnotherTab = async () => {
  const tab = await around.chromium.profile.newPage();
  await tab.goto(`${around.site.url}/`);
  await page.shows(({ life }) => expect(life).toContain("hidden"));
  return tab;
};
const lives = (entry: string) => page.shows(({ life }) => expect(life).toContain(entry));

test("a tab behind another one hears everything, and comes back by itself when its socket is cut", async () => {
  await visit();
  await openAnotherTab();
  await untilPublished(20);
  await missesNothing(page, publishing.last);
  around.network.cut();
  await page.shows(({ sockets, status }) => {
    expect(sockets).toBe(2);
    expect(status).toBe("live");
  });
  await untilPublished(20);
  await page.page.bringToFront();
  await lives("visible");
  const { attempts, states } = await missesNothing(page, await publishing.stop());
  expect(states).toEqual(["live", "recovering", "live"]);
  expect(attempts).toHaveLength(2);
});

test("a tab that the browser freezes keeps no socket, and is right again when it goes on", async () => {
  await visit();
  const other = await openAnotherTab();
  const debug = await around.chromium.profile.newCDPSession(page.page);
  await debug.send("Page.setWebLifecycleState", { state: "frozen" });
  await eventually(async () => expect(await connections()).toBe(0));
  await untilPublished(100);
  await debug.send("Page.setWebLifecycleState", { state: "active" });
  const { life, attempts } = await missesNothing(page, publishing.last);
  expect(life.filter((entry) => entry !== "pageshow")).toEqual(["hidden", "freeze", "resume"]);
  expect(attempts).toHaveLength(2);
  await other.close();
  await page.page.bringToFront();
  await lives("visible");
  await missesNothing(page, await publishing.stop());
  expect((await diaryOf(page)).attempts).toHaveLength(2);
});

test("a laptop that sleeps and wakes to a network that forgot it", { timeout: 120_000 }, async () => {
  await visit();
  around.chromium.signal("SIGSTOP");
  // What still reached the laptop is read when it wakes: it says nothing of the socket it came on.
  await untilPublished(20);
  around.network.isDead = true;
  await untilPublished(20);
  await wait(LAPTOP_SLEEP_MS);
  around.network.isDead = false;
  around.chromium.signal("SIGCONT");
  // Its old socket is dead and nobody says so: only a question shows that, and the answer is not waited for as long as
  // at other times.
  const { attempts } = await missesNothing(page, await publishing.stop(), DEFAULT_TUNING.heartbeatTimeoutMs);
  expect(attempts).toHaveLength(2);
});

test("a page that is left and come back to is the same one (back-forward cache)", async () => {
  await visit();
  await page.page.goto(`${around.site.url}/`);
  await eventually(async () => expect(await connections()).toBe(0));
  await untilPublished(100);
  await page.page.evaluate("history.back()");
  await missesNothing(page, publishing.last);
  await untilPublished(20);
  const { attempts, arrivedBy, life } = await missesNothing(page, await publishing.stop());
  expect(arrivedBy).toBe("navigate");
  expect(life).toEqual(expect.arrayContaining(["pagehide persisted", "pageshow persisted"]));
  expect(attempts).toHaveLength(2);
});

test("a page that is left and loaded again goes on where it was (sessionStorage)", async () => {
  // The browser as Playwright starts it keeps no page.
  const profile = await around.site.profile();
  await visit(profile);
  for (let i = 0; i < 3; i++) {
    await page.page.goto(`${around.site.url}/`);
    await eventually(async () => expect(await connections()).toBe(0));
    await untilPublished(20);
    await page.page.goBack();
    await missesNothing(page, publishing.last);
  }
  const { attempts, arrivedBy, states } = await missesNothing(page, await publishing.stop());
  expect(arrivedBy).toBe("back_forward");
  expect(attempts).toHaveLength(1);
  expect(states.at(-1)).toBe("live");
  await profile.close();
});
