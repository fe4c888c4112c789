import { setTimeout as wait } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test as inNode } from "vitest";
import { publishAt } from "../sdk/support/listener.ts";
import { eventually } from "../support/eventually.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { hasChromium } from "./support/chromium.ts";
import { diaryOf, isLive, missesNothing } from "./support/diary.ts";
import { Publishing } from "./support/publishing.ts";
import type { VisitedPage } from "./support/site.ts";
import { type Surroundings, startSurroundings } from "./support/surroundings.ts";

/** What fails around a page in a real Chromium: the service, the network, its tokens. */

const test = inNode.skipIf(!hasChromium("a page whose service, network or token fails"));
const OFFLINE_MS = 30_000;
const BREAKS = 50;
/** With the SDK's own times: a heartbeat, its timeout, a try that hangs, and the back-off. */
const SILENCE_MS = 60_000;

let around: Surroundings;
beforeAll(async () => {
  around = await startSurroundings();
});
afterAll(() => around?.stop());

let order: string;
let page: VisitedPage;
let publishing: Publishing;
beforeEach(async () => {
  around.site.token = mintToken;
  order = await registerOrderAt(around.service.url);
});
afterEach(async () => {
  around.network.isDead = false;
  await Promise.all([publishing?.stop(), page?.page.close()]);
  expect(around.site.takeErrors()).toEqual([]);
});

/** Opens the page, and begins to publish once it is live. */
async function visit(tuning: object = {}): Promise<void> {
  page = await around.site.visit(around.chromium.profile, "recovery", {
    url: around.url,
    order,
    tuning: JSON.stringify(tuning),
  });
  await isLive(page);
  publishing = new Publishing(around.service.url, order);
  await untilPublished(20);
}
const untilPublished = (count: number) => {
  const { last } = publishing;
  return eventually(() => expect(publishing.last).toBeGreaterThanOrEqual(last + count));
};

test("the service is killed and started again", async () => {
  await visit();
  const before = (await diaryOf(page)).attempts.length;
  await around.service.kill();
  const killedAt = Date.now();
  // It tries in vain.
  await eventually(async () => expect((await diaryOf(page)).attempts.length).toBeGreaterThanOrEqual(before + 2));
  await around.service.restart();
  const away = Date.now() - killedAt;
  await untilPublished(20);
  await isLive(page);
  const { attempts, states } = await missesNothing(page, await publishing.stop());
  expect(states).toEqual(["live", "recovering", "live"]);
  // One try a second at most, besides the first one and the one that succeeds.
  expect(attempts.length - before).toBeLessThanOrEqual(2 + Math.ceil(away / 1000));
});

test("thirty seconds without a network", { timeout: 90_000 }, async () => {
  await visit();
  await around.chromium.profile.setOffline(true);
  around.network.isDead = true;
  await page.shows(({ status }) => expect(status).toBe("offline"));
  await wait(OFFLINE_MS);
  await untilPublished(20);
  around.network.isDead = false;
  await around.chromium.profile.setOffline(false);
  await untilPublished(20);
  const { attempts, states } = await missesNothing(page, await publishing.stop());
  await isLive(page);
  expect(states.filter((state) => state !== "recovering")).toEqual(["live", "offline", "live"]);
  expect(attempts.filter(({ isOnline }) => !isOnline).length).toBeLessThanOrEqual(1);
  expect(attempts.length).toBeLessThanOrEqual(3);
});

test("a network that goes dead without a word", { timeout: 2 * SILENCE_MS }, async () => {
  await visit();
  around.network.isDead = true;
  await untilPublished(20);
  await page.shows(({ status }) => expect(status).toBe("recovering"), SILENCE_MS);
  around.network.isDead = false;
  await untilPublished(20);
  const { attempts, states } = await missesNothing(page, await publishing.stop(), SILENCE_MS);
  expect(states.slice(0, 2)).toEqual(["live", "recovering"]);
  expect(attempts.length).toBeLessThanOrEqual(3);
});

test(`${BREAKS} breaks in a row`, { timeout: 120_000 }, async () => {
  await visit({ firstBackoffMs: 200, maxBackoffMs: 200, minRetryMs: 50 });
  for (let i = 0; i < BREAKS; i++) {
    const { length } = (await diaryOf(page)).attempts;
    if (i % 2 === 0) around.network.cut();
    else await page.do("closeRawSocket()");
    await page.shows(({ sockets, status }) => {
      expect(sockets).toBeGreaterThan(length);
      expect(status).toBe("live");
    });
  }
  const { attempts } = await missesNothing(page, await publishing.stop());
  expect(attempts.length).toBe(BREAKS + 1);
});

test("tokens that last four seconds", { timeout: 60_000 }, async () => {
  const ends: number[] = [];
  around.site.token = () => {
    ends.push(Date.now() + 4000);
    return mintToken({ expiresIn: 4 });
  };
  await visit();
  await eventually(() => expect(ends.length).toBeGreaterThanOrEqual(4), 30_000);
  await eventually(() => expect(Date.now()).toBeGreaterThan(Number(ends[1])));
  await untilPublished(20);
  const { attempts, states } = await missesNothing(page, await publishing.stop());
  expect(states).toEqual(["live"]);
  expect(attempts).toHaveLength(1);
});

test("a token that ends while the shop cannot give another one", { timeout: 60_000 }, async () => {
  around.site.token = () => mintToken({ expiresIn: 3 });
  const asked: number[] = [];
  await visit();
  around.site.token = () => {
    asked.push(Date.now());
    return Promise.reject(new Error("the login service is away"));
  };
  await page.shows(({ states }) => expect(states).toContain("recovering"));
  await eventually(() => expect(asked.length).toBeGreaterThanOrEqual(2));
  around.site.token = mintToken;
  await page.shows(({ status }) => expect(status).toBe("live"), 30_000);
  await untilPublished(20);
  const { attempts, states } = await missesNothing(page, await publishing.stop());
  expect(states).toEqual(["live", "recovering", "live"]);
  expect(attempts).toHaveLength(2);
});

test("a right that is withdrawn: the page is told why, and makes no further attempt", async () => {
  await visit();
  await publishing.stop();
  await callService(around.service.url, "POST", "disconnect", { channel: `order_${order}` });
  const { reason } = await page.shows(({ status }) => expect(status).toBe("closed"));
  expect(reason).toEqual({
    code: 4001,
    name: "unauthenticated",
    message: "Disconnected by the service",
    userMustAct: true,
  });
  // What else makes a page try at once: the network comes back, somebody looks at it again.
  await around.chromium.profile.setOffline(true);
  await page.shows(({ life }) => expect(life).toContain("offline"));
  await around.chromium.profile.setOffline(false);
  const other = await around.chromium.profile.newPage();
  await page.shows(({ life }) => expect(life).toContain("hidden"));
  await other.close();
  await page.page.bringToFront();
  await page.shows(({ life }) => expect(life).toEqual(expect.arrayContaining(["online", "visible"])));
  // Longer than the first back-off, and than the jitter after a wake.
  await wait(2000);
  expect((await diaryOf(page)).attempts).toHaveLength(1);
  // The page itself may begin anew, from where it was.
  await publishAt(around.service.url, `orders/${order}`, "order_delivered", {});
  await page.do("reconnect()");
  const { attempts } = await missesNothing(page, publishing.last + 1);
  expect(attempts).toHaveLength(2);
});
