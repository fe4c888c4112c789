import { describe, expect, test } from "vitest";
import { DISCONNECTED_REASON } from "../../src/protocol/close-rules.ts";
import { PING } from "../../src/protocol/frames.ts";
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

  constructor(filter: string[] | null = null) {
    this.state = initialState({ position: null, filter, wasLive: false, tuning: {} });
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

  token(token = "t", expiresAt = NEVER): Effect[] {
    return this.take({ type: "token", request: this.state.request, token, expiresAt });
  }

  frames(...frames: unknown[]): Effect[] {
    const { socket } = this.state;
    return frames.flatMap((frame) => this.take({ type: "frame", socket, frame }));
  }

  pong(): Effect[] {
    return this.take({ type: "pong", socket: this.state.socket });
  }

  close(code: number, reason = ""): Effect[] {
    return this.take({ type: "socket_closed", socket: this.state.socket, code, reason });
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
  test("that is late is given up, and requested again after a back-off", () => {
    const m = machine();
    expect(kinds(m.take({ type: "connect" }))).toEqual(["get_token"]);
    expect(kinds(m.after(connectTimeoutMs))).toEqual(["status"]);
    expect(m.state.phase).toBe("backoff");
    const late = { type: "token", request: 1, token: "t", expiresAt: NEVER } as const;
    expect(m.take(late)).toEqual([]);
    expect(kinds(m.next())).toEqual(["get_token"]);
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
    expect(kinds(m.token("old"))).toEqual(["status"]);
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
    expect(kinds(m.token("old"))).toEqual(["status"]);
    expect(m.state.status).toMatchObject({ state: "closed", reason: { code: 4001, message: "Token expired" } });
  });

  test("that is fresh is not replaced just because the clock was set forward: the service says when", () => {
    const m = machine();
    m.take({ type: "connect" });
    const serverTime = m.now;
    m.token("1", serverTime + 600_000);
    m.frames(m.established(0, null, "e", serverTime));
    m.after(7_200_000);
    m.pong();
    m.token("2", serverTime + 1_200_000);
    expect(m.state.refreshAt).toBe(NEVER);
    // The next event shows by how much.
    m.frames(m.event(1, {}, serverTime + 60_000));
    expect(m.state.lagMs).toBe(0);
    const hint = { type: "token_expiring", data: { expires_at: new Date(serverTime + 1_200_000).toISOString() } };
    m.frames(hint);
    expect(m.state.refreshAt).toBeLessThan(NEVER);
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
    m.take({ type: "token_failed", request: m.state.request });
    expect(m.state.phase).toBe("live");
    m.next();
    expect(m.state.phase).toBe("live");
  });
});

describe("a page with another token", () => {
  test("is not closed because of the previous one, whatever the phase", () => {
    const fetching = machine();
    fetching.take({ type: "connect" });
    const { request } = fetching.state;
    fetching.take({ type: "refresh" });
    fetching.take({ type: "token", request, token: "old", expiresAt: NEVER });
    expect(kinds(fetching.next())).toContain("get_token");
    expect(fetching.token("new")).toContainEqual(expect.objectContaining({ type: "open", token: "new" }));
    const opening = machine();
    opening.take({ type: "connect" });
    opening.token("old");
    const { socket } = opening.state;
    expect(kinds(opening.take({ type: "refresh" }))).toContain("drop");
    opening.take({ type: "socket_closed", socket, code: 4003, reason: "" });
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
    m.take({ type: "visible", isVisible: false });
    expect(sent(m.take({ type: "visible", isVisible: true }))).toEqual([PING]);
    expect(kinds(m.after(wakeTimeoutMs))).toEqual(["drop", "status"]);
  });

  test("has a short timeout if the device slept past the ping, but not in a hidden tab with slow timers", () => {
    const m = machine().live();
    expect(sent(m.after(3_600_000))).toContain(PING);
    expect(kinds(m.after(wakeTimeoutMs))).toEqual(["drop", "status"]);
    const hidden = machine().live();
    hidden.take({ type: "visible", isVisible: false });
    expect(sent(hidden.after(60_000))).toContain(PING);
    expect(hidden.after(wakeTimeoutMs)).toEqual([]);
  });

  test("without a first frame is given up", () => {
    const m = machine();
    m.take({ type: "connect" });
    m.token();
    expect(kinds(m.after(connectTimeoutMs))).toEqual(["drop", "status"]);
    expect(m.state.status).toEqual({ state: "connecting", isStale: true });
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
    m.take({ type: "visible", isVisible: false });
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
    expect(m.state.status).toEqual({ state: "recovering", isStale: false });
    const since = m.now;
    while (m.now < since + staleMs) m.next();
    expect(m.state.status).toEqual({ state: "recovering", isStale: true });
    while (m.state.phase !== "authorizing") m.next();
    m.token();
    m.frames(m.established(0, true));
    expect(m.state.status).toEqual({ state: "live", isStale: false, recovered: true });
  });
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
  test("of an unknown type move the position and are not delivered", () => {
    const m = machine().live();
    expect(kinds(m.frames(m.event(1, { type: "order_teleported" }), m.event(2)))).toEqual(["position", "event"]);
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
    expect(kinds(m.frames(m.event(5), m.event(9, { data: { product_id: "q" } })))).toEqual(["event", "position"]);
    expect(m.state.position?.seq).toBe(9);
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
    expect(sent(m.frames({ type: "ack_request" }))).toEqual(['{"type":"ack","seq":1}']);
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
    expect(kinds(m.frames(m.event(1, { data: { product_id: "a" } })))).toEqual(["position"]);
    expect(sent(m.next())).toEqual(['{"type":"unsubscribe","product_ids":["a"]}']);
  });

  test("is sent in messages that the service accepts", () => {
    const m = machine([]).live();
    const ids = Array.from({ length: 50 }, (_, i) => String(i).padStart(128, "ü"));
    m.take({ type: "filter", filter: ids });
    const texts = sent(m.next());
    for (const text of texts) expect(new TextEncoder().encode(text).length).toBeLessThanOrEqual(4096);
    // The placeholder for the empty filter is removed first, to make room.
    expect(texts.flatMap((text) => JSON.parse(text).product_ids)).toEqual(["-", ...ids]);
    expect(texts.map((text) => JSON.parse(text).type)).toEqual([
      "unsubscribe",
      ...texts.slice(1).map(() => "subscribe"),
    ]);
  });
});
