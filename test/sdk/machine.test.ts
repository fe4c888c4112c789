import { describe, expect, test } from "vitest";
import { DISCONNECTED_REASON } from "../../src/protocol/close-rules.ts";
import { MAX_CLIENT_MESSAGE_BYTES, PING } from "../../src/protocol/frames.ts";
import { step } from "../../src/sdk/connection/machine.ts";
import {
  type Effect,
  type Input,
  initialState,
  NEVER,
  nextTick,
  type State,
} from "../../src/sdk/connection/machine-state.ts";
import { DEFAULT_TUNING } from "../../src/sdk/connection/tuning.ts";

/** What a connection does about each input, one at a time. */

const { heartbeatMs, heartbeatTimeoutMs, wakeTimeoutMs, connectTimeoutMs, stableMs, staleMs, slowBackoffMs } =
  DEFAULT_TUNING;

/** A machine with its own clock. Random numbers are always 0.5. */
class Machine {
  state: State;
  now = Date.parse("2026-11-22T10:00:00Z");
  effects: Effect[] = [];

  constructor(filter: string[] | null = null, conflate = false) {
    this.state = initialState({ position: null, filter, wasLive: false, conflate, tuning: {} });
  }

  take(input: Input): Effect[] {
    const [state, effects] = step(this.state, input, this.now, () => 0.5);
    this.state = state;
    this.effects = effects;
    return effects;
  }

  /** Moves the clock at once, as if the device had slept, then ticks. */
  after(ms: number): Effect[] {
    this.now += ms;
    return this.take({ type: "tick" });
  }

  /** Moves the clock to the next deadline. */
  next(): Effect[] {
    return this.after(Math.max(0, nextTick(this.state) - this.now));
  }

  token(token = "t", expiresAt = NEVER, user = "alice"): Effect[] {
    return this.take({ type: "token", token, expiresAt, user });
  }

  frames(...frames: unknown[]): Effect[] {
    return frames.flatMap((frame) => this.take({ type: "frame", frame }));
  }

  pong(): Effect[] {
    return this.take({ type: "pong" });
  }

  close(code: number, reason = ""): Effect[] {
    return this.take({ type: "socket_closed", code, reason });
  }

  established(seq = 0, resumed: boolean | null = null, epoch = "e", serverTime = this.now): object {
    return { type: "connection_established", data: { epoch, seq, resumed }, ts: new Date(serverTime).toISOString() };
  }

  event(seq: number, more: object = {}, time = this.now): object {
    const data = { product_id: "p" };
    return { type: "product_updated", data, id: String(seq), seq, ts: new Date(time).toISOString(), ...more };
  }

  /** Brings the machine live for long enough to count as a success. */
  live(token = "t", expiresAt = NEVER): this {
    this.take({ type: this.state.phase === "idle" ? "connect" : "tick" });
    this.token(token, expiresAt);
    this.frames(this.established(this.state.position?.seq ?? 0, this.state.position && true));
    this.after(stableMs);
    return this;
  }
}

const machine = (products?: string[]) => new Machine(products);
const kinds = (effects: Effect[]) => effects.map(({ type }) => type);
const sent = (effects: Effect[]) => effects.flatMap((effect) => (effect.type === "send" ? [effect.text] : []));

describe("a token", () => {
  test("that is late is waited for and used; meanwhile the status says so", () => {
    const m = machine();
    expect(kinds(m.take({ type: "connect" }))).toEqual(["get_token"]);
    expect(kinds(m.after(connectTimeoutMs))).toEqual(["status"]);
    expect(m.state.status).toMatchObject({ state: "connecting", cause: { name: "no_token", message: "No token yet" } });
    expect(kinds(m.after(3_600_000))).not.toContain("get_token");
    expect(kinds(m.token())).toEqual(["open"]);
    m.frames(m.established());
    expect(m.state.status).toEqual({ state: "live", isStale: false, recovered: false });
  });

  test("that is late on a live connection is waited for, too, and used", () => {
    const m = machine().live();
    m.take({ type: "refresh" });
    expect(kinds(m.after(connectTimeoutMs))).toEqual(["status"]);
    expect(m.state.status).toMatchObject({ state: "live", cause: { name: "no_token" } });
    expect(sent(m.token("late"))).toEqual(['{"type":"authenticate","token":"late"}']);
    expect(m.state.status).toEqual({ state: "live", isStale: false, recovered: false });
  });

  test("of another user starts a new connection, without the former user's position", () => {
    const m = machine().live();
    m.frames(m.event(1));
    m.take({ type: "refresh" });
    const effects = m.token("t2", NEVER, "bob");
    expect(kinds(effects)).toEqual(["drop", "open", "status"]);
    expect(effects).toContainEqual(expect.objectContaining({ type: "open", token: "t2", position: null }));
    // The first attempt fails; the position is still alice's.
    m.close(1006);
    m.next();
    expect(m.token("t2", NEVER, "bob")).toContainEqual(expect.objectContaining({ type: "open", position: null }));
    const gap = { from: { epoch: "e", seq: 1 }, to: { epoch: "e", seq: 4 } };
    expect(m.frames(m.established(4, null)).slice(0, 2)).toEqual([
      { type: "gap", gap },
      expect.objectContaining({ type: "snapshot" }),
    ]);
    m.close(1006);
    m.next();
    expect(m.token("t3", NEVER, "bob")).toContainEqual(
      expect.objectContaining({ type: "open", position: { epoch: "e", seq: 4 } }),
    );
  });

  test("that is refused is replaced by a fresh one, once", () => {
    const m = machine();
    m.take({ type: "connect" });
    m.token("old");
    m.close(4001, "Token expired");
    expect(kinds(m.next())).toEqual(["get_token"]);
    expect(kinds(m.token("new"))).toEqual(["open"]);
    m.close(4001, "Token expired");
    expect(m.state.status).toMatchObject({ state: "closed", reason: { code: 4001, message: "Token expired" } });
  });

  test("that is the refused one again is not tried", () => {
    const m = machine();
    m.take({ type: "connect" });
    m.token("old");
    m.close(4001, "Invalid token");
    m.next();
    expect(kinds(m.token("old"))).toEqual(["drop", "status"]);
    expect(m.state.status).toMatchObject({ state: "closed", reason: { userMustAct: true } });
  });

  test("that was not refused itself is reused when its socket closes, even after another one was refused", () => {
    const m = machine();
    m.take({ type: "connect" });
    m.token("old");
    m.close(4001, "Token expired");
    m.next();
    m.token("new");
    m.close(1006);
    m.next();
    expect(kinds(m.token("new"))).toEqual(["open"]);
    m.frames(m.established());
    m.close(1006);
    m.next();
    expect(kinds(m.token("new"))).toEqual(["open"]);
    m.close(1006);
    m.next();
    expect(kinds(m.token("old"))).toEqual(["drop", "status"]);
    expect(m.state.status).toMatchObject({ state: "closed", reason: { code: 4001, message: "Token expired" } });
  });

  /** A live connection whose clock was set forward by two hours, and which then got a fresh token. */
  function clockSetForward() {
    const m = machine();
    m.take({ type: "connect" });
    const serverTime = m.now;
    m.token("1", serverTime + 600_000);
    m.frames(m.established(0, null, "e", serverTime));
    m.after(7_200_000);
    m.pong();
    m.token("2", serverTime + 1_200_000);
    const hint = { type: "token_expiring", data: { expires_at: new Date(serverTime + 1_200_000).toISOString() } };
    return { m, serverTime, hint };
  }

  test("that is fresh is not replaced just because the clock was set forward: the service says when", () => {
    const { m, serverTime, hint } = clockSetForward();
    expect(m.state.refreshAt).toBe(NEVER);
    // The next event shows by how much.
    m.frames(m.event(1, {}, serverTime + 60_000));
    expect(m.state.lagMs).toBe(0);
    m.frames(hint);
    expect(m.state.refreshAt).toBeLessThan(NEVER);
  });

  test("that is fresh is replaced before it expires, although no event shows how far the clock was set forward", () => {
    const { m, serverTime, hint } = clockSetForward();
    m.frames(hint);
    expect(m.state.refreshAt).toBe(m.now + 1000);
    expect(kinds(m.after(1000))).toContain("get_token");
    // A provider that caches the token is called again a little later: how much is left of the token is unknown.
    m.token("2", serverTime + 1_200_000);
    expect(m.state.refreshAt - m.now).toBeGreaterThanOrEqual(1000);
    expect(m.state.refreshAt - m.now).toBeLessThan(10_000);
    m.next();
    expect(sent(m.token("3", serverTime + 1_800_000))).toEqual(['{"type":"authenticate","token":"3"}']);
    expect(m.state.refreshAt).toBe(NEVER);
  });

  test("that is the same again, because the provider caches it, is not requested again until a refresh is due", () => {
    const m = machine();
    m.take({ type: "connect" });
    const expiresAt = m.now + 3_600_000;
    m.token("t", expiresAt);
    m.frames(m.established());
    m.take({ type: "refresh" });
    expect(sent(m.token("t", expiresAt))).toEqual([]);
    expect(m.state.refreshAt).toBe(expiresAt - DEFAULT_TUNING.refreshLeadMs);
    // From then on it is requested a few times until it expires.
    let requests = 0;
    for (m.now = m.state.refreshAt; m.now < expiresAt; m.now = m.state.refreshAt) {
      m.take({ type: "tick" });
      m.pong();
      m.token("t", expiresAt);
      requests++;
    }
    expect(requests).toBeGreaterThan(3);
    expect(requests).toBeLessThan(10);
  });

  test("that is the same again and never expires is not requested again", () => {
    const m = machine().live();
    m.take({ type: "refresh" });
    expect(sent(m.token())).toEqual([]);
    expect(m.state.refreshAt).toBe(NEVER);
  });

  test("does not help a client that was disconnected by the service", () => {
    const m = machine().live();
    m.close(4001, DISCONNECTED_REASON);
    expect(m.state.status).toMatchObject({ state: "closed", reason: { code: 4001, message: DISCONNECTED_REASON } });
    expect(nextTick(m.state)).toBe(NEVER);
  });

  test("is replaced before it expires, by the service's clock, without a hint", () => {
    const m = machine();
    m.take({ type: "connect" });
    // Our clock is an hour ahead.
    const serverTime = m.now - 3_600_000;
    m.token("old", serverTime + 600_000);
    m.frames(m.established(0, null, "e", serverTime));
    expect(m.state.refreshAt).toBe(m.now + 600_000 - DEFAULT_TUNING.refreshLeadMs);
    m.after(569_999);
    expect(kinds(m.after(1))).toContain("get_token");
    expect(sent(m.token("new", serverTime + 1_200_000))).toEqual(['{"type":"authenticate","token":"new"}']);
    expect(m.state.refreshAt).toBe(m.now + 600_000);
  });

  test("is replaced when the service says that it expires, but not in the first half of its lifetime", () => {
    const m = machine();
    m.take({ type: "connect" });
    m.token("old", m.now + 20_000);
    const hint = { type: "token_expiring", data: { expires_at: new Date(m.now + 20_000).toISOString() } };
    m.frames(m.established(), hint);
    expect(m.state.refreshAt).toBe(m.now + 10_000);
    m.after(10_000);
    // A provider that caches the token until it expires is called again a little later.
    expect(sent(m.token("old", m.now + 10_000))).toEqual([]);
    expect(m.state.refreshAt).toBeGreaterThanOrEqual(m.now + 1000);
    expect(m.state.refreshAt).toBeLessThan(m.now + 10_000);
  });

  test("that cannot be replaced leaves the connection live", () => {
    const m = machine().live("t");
    m.take({ type: "refresh" });
    m.take({ type: "token_failed", message: "the shop is down" });
    expect(m.state.status).toMatchObject({ state: "live", cause: { name: "no_token", message: "the shop is down" } });
    m.next();
    expect(m.state.phase).toBe("live");
  });
});

describe("a page with another token", () => {
  test("is not closed because of the previous one, whatever the phase", () => {
    const opening = machine();
    opening.take({ type: "connect" });
    opening.token("old");
    expect(kinds(opening.take({ type: "refresh" }))).toContain("drop");
    opening.close(4003);
    expect(kinds(opening.next())).toContain("get_token");
  });
});

describe("a silent socket", () => {
  test("is pinged, and is dead if it does not answer", () => {
    const m = machine().live();
    expect(sent(m.after(heartbeatMs - stableMs))).toEqual([PING]);
    expect(kinds(m.after(heartbeatTimeoutMs))).toEqual(["drop", "status"]);
    expect(m.state.status.state).toBe("recovering");
  });

  test("stays open if it answers", () => {
    const m = machine().live();
    m.after(heartbeatMs - stableMs);
    m.pong();
    expect(m.after(heartbeatTimeoutMs)).toEqual([]);
    expect(m.state.phase).toBe("live");
  });

  test("has more time as long as messages arrive, because the pong is queued behind them", () => {
    const m = machine().live();
    m.after(heartbeatMs - stableMs);
    for (let seq = 1; seq <= 10; seq++) {
      m.after(heartbeatTimeoutMs - 1);
      m.frames(m.event(seq));
    }
    expect(m.state.phase).toBe("live");
    m.pong();
    expect(m.after(heartbeatTimeoutMs - 1)).toEqual([]);
    expect(m.state.phase).toBe("live");
  });

  test("is dead if all that arrives was received before the device slept", () => {
    const m = machine().live();
    m.after(heartbeatMs - stableMs);
    m.after(3_600_000);
    m.pong();
    m.frames(m.event(1));
    expect(kinds(m.after(wakeTimeoutMs))).toEqual(["drop", "status"]);
    const looked = machine().live();
    looked.after(3_600_000);
    looked.frames(looked.event(1));
    expect(kinds(looked.after(wakeTimeoutMs))).toEqual(["drop", "status"]);
  });

  test("is pinged once more if the device slept through the timeout, and then given up", () => {
    const m = machine().live();
    m.after(heartbeatMs - stableMs);
    expect(sent(m.after(3_600_000))).toContain(PING);
    expect(m.state.phase).toBe("live");
    m.after(60_000);
    expect(m.state.phase).toBe("backoff");
  });

  test("is pinged at once when the page is shown, with a short timeout", () => {
    const m = machine().live();
    m.take({ type: "hidden" });
    expect(sent(m.take({ type: "visible" }))).toEqual([PING]);
    expect(kinds(m.after(wakeTimeoutMs))).toEqual(["drop", "status"]);
  });

  test("has a short timeout if the device slept past the ping, but not in a hidden tab with slow timers", () => {
    const m = machine().live();
    expect(sent(m.after(3_600_000))).toContain(PING);
    expect(kinds(m.after(wakeTimeoutMs))).toEqual(["drop", "status"]);
    const hidden = machine().live();
    hidden.take({ type: "hidden" });
    expect(sent(hidden.after(60_000))).toContain(PING);
    expect(hidden.after(wakeTimeoutMs)).toEqual([]);
  });

  test("without a first frame is given up", () => {
    const m = machine();
    m.take({ type: "connect" });
    m.token();
    expect(kinds(m.after(connectTimeoutMs))).toEqual(["drop", "status"]);
    expect(m.state.status).toMatchObject({ state: "connecting", isStale: true, cause: { message: "No answer" } });
  });
});

test("a connection that was closed for long is stale until it is live again", () => {
  const m = machine().live();
  m.take({ type: "close" });
  m.now += 3_600_000;
  m.take({ type: "connect" });
  expect(m.state.status).toEqual({ state: "recovering", isStale: true });
});

describe("a page", () => {
  test("that is frozen closes its socket, and reconnects when it is resumed", () => {
    const m = machine().live();
    m.frames(m.event(1));
    expect(kinds(m.take({ type: "suspend" }))).toEqual(["drop", "status"]);
    expect(nextTick({ ...m.state, status: { state: "recovering", isStale: true } })).toBe(NEVER);
    m.take({ type: "resume" });
    expect(nextTick(m.state)).toBeLessThanOrEqual(m.now + 500);
    m.next();
    expect(m.token()).toContainEqual(expect.objectContaining({ type: "open", position: { epoch: "e", seq: 1 } }));
  });

  test("without a network is offline and retries slowly; once online it reconnects soon", () => {
    const m = machine().live();
    m.take({ type: "online", isOnline: false });
    m.after(wakeTimeoutMs);
    expect(m.state.status.state).toBe("offline");
    expect(m.state.phaseEndsAt - m.now).toBeGreaterThanOrEqual(slowBackoffMs / 2);
    m.take({ type: "online", isOnline: true });
    expect(m.state.phaseEndsAt - m.now).toBeLessThanOrEqual(500);
    expect(m.state.status.state).toBe("recovering");
  });

  test("that is hidden retries slowly after three failures", () => {
    const m = machine().live();
    m.take({ type: "hidden" });
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) {
      m.close(1006);
      waits.push(m.state.phaseEndsAt - m.now);
      m.after(m.state.phaseEndsAt - m.now);
      m.token();
    }
    expect(waits).toEqual([500, 1000, 2000, 45_000, 45_000]);
  });

  test("knows when its view is stale", () => {
    const m = machine().live();
    m.close(1006);
    const cause = { code: 1006, name: "unknown", message: "" };
    expect(m.state.status).toEqual({ state: "recovering", isStale: false, cause });
    const since = m.now;
    while (m.now < since + staleMs) m.next();
    expect(m.state.status).toEqual({ state: "recovering", isStale: true, cause });
    while (m.state.phase !== "authorizing") m.next();
    m.token();
    m.frames(m.established(0, true));
    expect(m.state.status).toEqual({ state: "live", isStale: false, recovered: true });
  });
});

describe("an announced close", () => {
  const closing = (code: number, retry_after_ms: unknown, reason = "") => ({
    type: "closing",
    data: { code, reason, retry_after_ms },
  });

  test("is acted on at once, and not again when the socket closes", () => {
    const m = machine().live();
    expect(kinds(m.frames(closing(4200, 3000)))).toEqual(["drop", "status"]);
    expect(m.state.status).toMatchObject({ state: "recovering", cause: { code: 4200, name: "going_away" } });
    const at = m.state.phaseEndsAt;
    expect(m.close(4200)).toEqual([]);
    expect(m.state.phaseEndsAt).toBe(at);
  });

  test("delays the next attempt at least as long as the service says, even when the page is shown", () => {
    const m = machine().live();
    m.frames(closing(4110, 7000));
    expect(m.state.phaseEndsAt).toBe(m.now + 7000);
    m.take({ type: "visible" });
    expect(m.state.phaseEndsAt).toBe(m.now + 7000);
    // The user asks for it: now.
    m.take({ type: "connect" });
    expect(m.state.phaseEndsAt).toBe(m.now);
  });

  test("that comes instead of the first frame is followed, too, and the back-off grows", () => {
    const m = machine();
    m.take({ type: "connect" });
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) {
      m.token();
      m.frames(closing(4129, 1000));
      waits.push(m.state.phaseEndsAt - m.now);
      m.next();
    }
    expect(waits).toEqual([1000, 1000, 2000, 4000, 8000]);
  });

  test("without a time to retry is final; a refused token is still replaced once", () => {
    const refused = machine();
    refused.take({ type: "connect" });
    refused.token("old");
    refused.frames(closing(4001, null, "Token expired"));
    refused.next();
    expect(kinds(refused.token("new"))).toContain("open");
    for (const frame of [closing(4003, null, "Access denied"), closing(4150, null)]) {
      const m = machine().live();
      m.frames(frame);
      expect(m.state.status).toMatchObject({ state: "closed", reason: { code: frame.data.code } });
      expect(nextTick(m.state)).toBe(NEVER);
    }
  });
});

describe("a page that asks to reconnect", () => {
  test("is not kept waiting by a socket that hangs", () => {
    const m = machine();
    m.take({ type: "connect" });
    m.token();
    m.now += 2000;
    expect(kinds(m.take({ type: "connect" }))).toContain("drop");
    expect(kinds(m.next())).toContain("get_token");
    expect(m.now - m.state.attemptAt).toBe(0);
  });

  test("gets a new connection even while the present one is live, from its position", () => {
    const m = machine().live();
    m.frames(m.event(1));
    expect(kinds(m.take({ type: "connect" }))).toEqual(["drop", "status"]);
    expect(m.state.phaseEndsAt).toBe(m.now);
    m.next();
    expect(m.token()).toContainEqual(expect.objectContaining({ position: { epoch: "e", seq: 1 } }));
  });
});

test("a slow link gets more time after each attempt that died inside a replay, until it has caught up", () => {
  const m = machine().live();
  const published = 40;
  let attempts = 0;
  const start = m.now;
  m.close(1006);
  while (m.state.position?.seq !== published && m.now < start + 300_000) {
    m.next();
    m.token();
    m.frames(m.established(published, true));
    attempts++;
    // A message of four events takes 3.5 s. The page is shown every 4 s, which probes the socket.
    for (let shownAt = m.now; m.state.phase === "live" && m.state.position?.seq !== published; ) {
      if (m.now >= shownAt) {
        m.take({ type: "visible" });
        shownAt += 4000;
      }
      for (let ms = 0; ms < 3500; ms += 500) m.after(500);
      const next = m.state.position?.seq ?? 0;
      m.frames(...[1, 2, 3, 4].map((i) => m.event(next + i)));
    }
  }
  expect(m.state.position?.seq).toBe(published);
  expect(attempts).toBeLessThanOrEqual(3);
  expect(m.state.patience).toBeGreaterThan(1);
  while (m.state.pendingPings > 0) m.pong();
  expect(m.state.patience).toBe(1);
});

test("a browser that delays attempts after failures, as Firefox does, is given the time to connect", () => {
  const m = machine().live();
  const end = m.now + 300_000;
  let failedAt = m.now;
  let delayMs = 300;
  let gaveUp = 0;
  m.close(1006);
  while (m.state.phase !== "live") {
    m.next();
    m.token();
    // Firefox counts real failures only, each of which makes the next delay longer.
    const connectsAt = Math.max(m.now, failedAt + delayMs);
    if (connectsAt > m.state.phaseEndsAt) {
      gaveUp++;
      m.next();
      continue;
    }
    m.now = connectsAt;
    if (m.now > end) m.frames(m.established(0, true));
    else {
      m.close(1006);
      failedAt = m.now;
      delayMs = Math.min(delayMs * 1.5, 60_000);
    }
  }
  expect(delayMs).toBe(60_000);
  expect(gaveUp).toBe(0);
});

describe("a success is a first frame and some time", () => {
  test("a service that accepts and then closes is retried less and less often", () => {
    const m = machine().live();
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      m.close(1011);
      waits.push(m.state.phaseEndsAt - m.now);
      m.after(m.state.phaseEndsAt - m.now);
      m.token();
      m.frames(m.established(0, true));
    }
    expect(waits).toEqual([500, 1000, 2000, 4000]);
    m.after(stableMs);
    m.close(1011);
    expect(m.state.phaseEndsAt - m.now).toBe(500);
  });

  test("a service that asks for a reconnect now is retried sooner, but with jitter", () => {
    const m = machine().live();
    m.close(4200);
    expect(m.state.phaseEndsAt - m.now).toBe(250);
  });
});

describe("events", () => {
  test("of a type that only the shop knows are delivered; the position frames of earlier services only move it", () => {
    const m = machine().live();
    const position = { type: "position", data: {}, seq: 2, ts: "" };
    expect(kinds(m.frames(m.event(1, { type: "order_teleported" }), position))).toEqual(["event"]);
    expect(m.state.position?.seq).toBe(2);
  });

  test("after a missing one are requested again; if it stays missing, a gap is reported", () => {
    const m = machine().live();
    expect(kinds(m.frames(m.event(1), m.event(3)))).toEqual(["event", "drop", "status"]);
    m.next();
    expect(m.token()).toContainEqual(expect.objectContaining({ position: { epoch: "e", seq: 1 } }));
    const gap = { from: { epoch: "e", seq: 1 }, to: { epoch: "e", seq: 2 } };
    expect(m.frames(m.established(3, true), m.event(3))).toContainEqual({ type: "gap", gap });
    expect(m.state.position?.seq).toBe(3);
  });

  test("that a filter drops are not missing", () => {
    const m = machine(["p"]).live();
    expect(kinds(m.frames(m.event(5), m.event(9, { data: { product_id: "q" } })))).toEqual(["event"]);
    expect(m.state.position?.seq).toBe(9);
  });

  test("that the service leaves out, because they are out of date, are not missing", () => {
    const m = new Machine(null, true).live();
    expect(kinds(m.frames(m.event(1), m.event(5), m.event(4), m.event(9)))).toEqual(["event", "event", "event"]);
    expect(m.state.position?.seq).toBe(9);
    m.close(1006);
    m.next();
    m.token();
    m.frames(m.established(20, true), m.event(12), m.event(20));
    expect(m.state.status).toEqual({ state: "live", isStale: false, recovered: true });
  });

  test("that are replayed make the connection live once the last one has arrived", () => {
    const m = machine().live();
    m.close(1006);
    m.next();
    m.token();
    m.frames(m.established(2, true), m.event(1));
    expect(m.state.status.state).toBe("recovering");
    m.frames(m.event(2));
    expect(m.state.status).toEqual({ state: "live", isStale: false, recovered: true });
  });

  test("lost in a new epoch are a gap, even on a live connection", () => {
    const m = machine().live();
    m.frames(m.event(1));
    const gap = { from: { epoch: "e", seq: 1 }, to: { epoch: "f", seq: 0 } };
    expect(m.frames(m.established(0, false, "f"))).toEqual([
      { type: "gap", gap },
      expect.objectContaining({ type: "snapshot" }),
    ]);
    expect(kinds(m.frames(m.event(1)))).toEqual(["event"]);
  });

  test("are acknowledged when the service asks", () => {
    const m = machine().live();
    m.frames(m.event(1));
    const request = { type: "ack_request", seq: 1, nonce: "n" };
    expect(sent(m.frames(request)).map((text) => JSON.parse(text))).toEqual([{ ...request, type: "ack" }]);
  });

  test("have a lag that does not depend on a wrong clock", () => {
    const m = machine();
    m.take({ type: "connect" });
    m.token();
    const wrongBy = 3_600_000;
    m.frames(m.established(0, null, "e", m.now - wrongBy));
    m.frames(m.event(1, {}, m.now - wrongBy - 700));
    expect(m.state.lagMs).toBe(700);
  });

  test("without a readable timestamp do not affect the clock skew", () => {
    const m = machine().live();
    m.frames({ ...m.event(1), ts: "soon" });
    expect([m.state.position?.seq, m.state.lagMs, m.state.clockSkewMs]).toEqual([1, 0, 0]);
  });
});

describe("a filter", () => {
  test("that changes while the socket opens is sent after the first frame", () => {
    const m = machine(["a", "b"]);
    m.take({ type: "connect" });
    m.token();
    m.take({ type: "filter", filter: ["a", "b", "c"] });
    m.take({ type: "filter", filter: ["b", "c"] });
    expect(sent(m.frames(m.established()))).toEqual([
      '{"type":"unsubscribe","product_ids":["a"]}',
      '{"type":"subscribe","product_ids":["c"]}',
    ]);
  });

  test("that changes often is sent once, as the difference", () => {
    const m = machine(["a"]).live();
    for (const filter of ["ab", "abc", "abcd", "abd"])
      expect(m.take({ type: "filter", filter: [...filter] })).toEqual([]);
    expect(sent(m.next())).toEqual(['{"type":"subscribe","product_ids":["b","d"]}']);
    // Until the service knows the change, it still sends the removed product.
    m.take({ type: "filter", filter: ["b", "d"] });
    expect(kinds(m.frames(m.event(1, { data: { product_id: "a" } })))).toEqual([]);
    expect(sent(m.next())).toEqual(['{"type":"unsubscribe","product_ids":["a"]}']);
  });

  test("is sent in messages that the service accepts", () => {
    const m = machine([]).live();
    const ids = Array.from({ length: 50 }, (_, i) => String(i).padStart(128, "語"));
    m.take({ type: "filter", filter: ids });
    const texts = sent(m.next());
    for (const text of texts)
      expect(new TextEncoder().encode(text).length).toBeLessThanOrEqual(MAX_CLIENT_MESSAGE_BYTES);
    // The placeholder for the empty filter is removed first, to make room.
    expect(texts.flatMap((text) => JSON.parse(text).product_ids)).toEqual(["-", ...ids]);
    expect(texts.map((text) => JSON.parse(text).type)).toEqual([
      "unsubscribe",
      ...texts.slice(1).map(() => "subscribe"),
    ]);
  });
});
