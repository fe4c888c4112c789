import { setTimeout as wait } from "node:timers/promises";
import type { CDPSession } from "playwright-core";
import { describe, expect, test as inNode } from "vitest";
import { publishAt } from "../sdk/support/listener.ts";
import { eventually } from "../support/eventually.ts";
import { mintToken } from "../support/tokens.ts";
import { CHROMIUM, hasChromium } from "./support/chromium.ts";
import { setUpRecovery } from "./support/recovery-fixture.ts";
import type { SitePage } from "./support/site.ts";
import { followLog, type LogEntry, tabLogSchema } from "./support/tab-log.ts";

/**
 * Six tabs share a socket through freezes, crashes, reloads, times offline, silent drops, restarts and changes of user,
 * in a random order. A run prints its seed; `SEED=<seed>` repeats its steps, and `SEEDS=<number>` runs several.
 */

const test = inNode.skipIf(!hasChromium("random failures of tabs that share a socket"));
const TABS = 6;
const STEPS = 18;
const LONGEST_STEP_MS = 1500;
const SEEDS = process.env.SEED
  ? [Number(process.env.SEED)]
  : Array.from({ length: Number(process.env.SEEDS ?? 1) }, () => Math.floor(Math.random() * 2 ** 31));
/** Short, so that a run of half a minute sees many failures and recoveries. */
const TUNING = {
  firstBackoffMs: 200,
  maxBackoffMs: 1000,
  minRetryMs: 100,
  slowBackoffMs: 2000,
  stableMs: 500,
  connectTimeoutMs: 2000,
  heartbeatMs: 1500,
  heartbeatTimeoutMs: 1000,
  wakeTimeoutMs: 500,
};
/** Alice owns the order; the admin may listen, too; the stranger may not. */
const STRANGER = "stranger";
const USERS = ["alice", "admin", STRANGER];

const fixture = setUpRecovery(CHROMIUM);

/** Marsaglia's xorshift: small, and good enough to choose steps. @returns Numbers from 0 up to 1. */
function randomFrom(seed: number): () => number {
  let state = seed || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** The tabs, and everything that can happen to them. */
class Tabs {
  readonly #tabs: SitePage[] = [];
  readonly #devTools = new Map<SitePage, CDPSession>();
  readonly #frozen = new Set<SitePage>();
  readonly #random: () => number;
  readonly #settings: Record<string, string>;
  lastSeq = 0;

  constructor(random: () => number, settings: Record<string, string>) {
    this.#random = random;
    this.#settings = settings;
  }

  async open(): Promise<void> {
    const { site, browser } = fixture.environment;
    const tab = await site.open(browser.profile, "tab-log", this.#settings);
    this.#devTools.set(tab, await tab.page.context().newCDPSession(tab.page));
    this.#tabs.push(tab);
  }

  readonly #any = <T>(choices: readonly T[]): T => choices[Math.floor(this.#random() * choices.length)] as T;
  readonly #pause = () => wait(this.#random() * LONGEST_STEP_MS);
  readonly #awake = () => this.#any(this.#tabs.filter((tab) => !this.#frozen.has(tab)));

  readonly #steps: Record<string, () => Promise<unknown>> = {
    publish: () => this.publish(1 + Math.floor(this.#random() * 20)),
    show: () => this.#awake().page.bringToFront(),
    reload: () => this.#awake().page.reload(),
    freeze: async () => {
      const tab = this.#awake();
      // The browser freezes hidden tabs only, and one has to stay in front of them.
      if (this.#frozen.size === TABS - 2) return;
      await this.#any(this.#tabs.filter((other) => other !== tab && !this.#frozen.has(other))).page.bringToFront();
      this.#frozen.add(tab);
      await this.#devTools.get(tab)?.send("Page.setWebLifecycleState", { state: "frozen" });
    },
    thaw: () => this.#thaw(this.#any([...this.#frozen])),
    crash: async () => {
      const tab = this.#awake();
      this.#tabs.splice(this.#tabs.indexOf(tab), 1);
      const crashed = tab.page.waitForEvent("crash");
      // The renderer dies before it could answer.
      this.#devTools
        .get(tab)
        ?.send("Page.crash")
        .catch(() => {});
      await crashed;
      await tab.page.close();
      await this.open();
    },
    "change user": () => this.#awake().call(`signIn("${this.#any(USERS)}")`),
    "lose packets": async () => {
      fixture.environment.network.isDead = true;
      await this.#pause();
      await this.publish(3);
      await wait(2 * TUNING.heartbeatMs);
      fixture.environment.network.isDead = false;
    },
    "go offline": async () => {
      const { browser, network } = fixture.environment;
      await browser.profile.setOffline(true);
      network.isDead = true;
      await this.publish(3);
      await this.#pause();
      network.isDead = false;
      await browser.profile.setOffline(false);
    },
    "cut connections": async () => fixture.environment.network.cut(),
    restart: () => fixture.environment.service.restart(),
  };

  /** Does one random step. @returns Its name. */
  async step(): Promise<string> {
    const name = this.#any(Object.keys(this.#steps).filter((step) => step !== "thaw" || this.#frozen.size > 0));
    await this.#steps[name]?.();
    await this.#pause();
    return name;
  }

  async publish(count: number): Promise<void> {
    const { service } = fixture.environment;
    for (let i = 0; i < count; i++) {
      this.lastSeq = await publishAt(service.url, `orders/${fixture.order}`, "order_shipped", {});
    }
  }

  async #thaw(tab: SitePage): Promise<void> {
    this.#frozen.delete(tab);
    await this.#devTools.get(tab)?.send("Page.setWebLifecycleState", { state: "active" });
  }

  /** Counts the sockets as the browser sees them: the service keeps sockets that lost their network for a while. */
  async countOpenSockets(): Promise<number> {
    const counts = await Promise.all(this.#tabs.map((tab) => tab.call("countOpenSockets()")));
    return counts.reduce<number>((sum, count) => sum + Number(count), 0);
  }

  /** Repairs everything, and waits until each tab is up to date. @returns The log of each tab. */
  async settle(): Promise<LogEntry[][]> {
    for (const tab of this.#frozen) await this.#thaw(tab);
    for (const tab of this.#tabs) await tab.call('signIn("alice")');
    await this.publish(1);
    return Promise.all(
      this.#tabs.map(async (tab) => {
        const state = await tab.waitFor((current) => {
          const { status, log } = tabLogSchema.parse(current);
          expect([status, followLog(log, STRANGER).reached], JSON.stringify(log)).toEqual(["live", this.lastSeq]);
        }, 40_000);
        return tabLogSchema.parse(state).log;
      }),
    );
  }
}

test.each(SEEDS)("[promise 3] six tabs keep their promises, whatever happens: SEED=%i", async (seed) => {
  const { url } = fixture.environment;
  const tokens = {
    alice: await mintToken({ subject: "alice" }),
    admin: await mintToken({ subject: "boss", role: "admin" }),
    stranger: await mintToken({ subject: "carol" }),
  };
  const settings = { url, order: fixture.order, tuning: JSON.stringify(TUNING), tokens: JSON.stringify(tokens) };
  const tabs = new Tabs(randomFrom(seed), settings);
  for (let i = 0; i < TABS; i++) await tabs.open();
  const steps: string[] = [];
  for (let i = 0; i < STEPS; i++) steps.push(await tabs.step());
  console.log(`SEED=${seed}: ${steps.join(", ")}`);
  const logs = await tabs.settle();
  for (const log of logs) expect(followLog(log, STRANGER).brokenPromise, JSON.stringify(log)).toBeNull();
  await eventually(async () => expect(await tabs.countOpenSockets()).toBe(1));
  const counts = logs.map((log) => log.filter(({ type }) => type === "event").length);
  console.log(`${tabs.lastSeq} events; the tabs received ${counts.join(", ")} of them`);
});

describe("the check", () => {
  const snapshot: LogEntry = { type: "snapshot", seq: 3, resumed: null };
  const event = (seq: number): LogEntry => ({ type: "event", seq });
  const user = (name: string): LogEntry => ({ type: "user", user: name });

  inNode.each<[flaw: string | null, log: LogEntry[]]>([
    [null, [user("alice"), snapshot, event(4), event(5)]],
    [null, [user("alice"), snapshot, { type: "gap", from: 3, to: 7 }, snapshot, event(8)]],
    [null, [user("alice"), snapshot, event(4), user(STRANGER), user("alice"), event(5)]],
    [null, [user("alice"), snapshot, event(4), user("admin"), { type: "gap", from: 4, to: 3 }, snapshot, event(4)]],
    ["back", [user("alice"), snapshot, event(4), user("alice"), { type: "gap", from: 4, to: 3 }]],
    ["again", [user("alice"), snapshot, event(4), event(4)]],
    ["again", [user("alice"), snapshot, event(5), event(4)].toSpliced(2, 0, event(4))],
    ["without a gap", [user("alice"), snapshot, event(5)]],
    ["before a snapshot", [user("alice"), event(4)]],
    ["may not listen", [user("alice"), snapshot, user(STRANGER), event(4)]],
    ["may not listen", [user(STRANGER), snapshot]],
  ])("finds %s", (flaw, log) => {
    const { brokenPromise } = followLog(log, STRANGER);
    if (flaw === null) expect(brokenPromise).toBeNull();
    else expect(brokenPromise).toContain(flaw);
  });
});
