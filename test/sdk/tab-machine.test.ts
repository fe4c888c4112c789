import { describe, expect, test } from "vitest";
import type { Output } from "../../src/sdk/connection/link.ts";
import type { TabMessage } from "../../src/sdk/tabs/messages.ts";
import type { CatchUp } from "../../src/sdk/tabs/replica.ts";
import { stepTab } from "../../src/sdk/tabs/tab-machine.ts";
import {
  initialTabState,
  nextTabTick,
  type TabEffect,
  type TabInput,
  type TabState,
} from "../../src/sdk/tabs/tab-machine-state.ts";

/** The role of a tab that shares a socket: what it does about each thing that happens, one at a time. */

const IDENTIFY_TIMEOUT_MS = 10_000;
const POSITION = { epoch: "e", seq: 7 };
const live: Extract<Output, { type: "status" }> = {
  type: "status",
  status: { state: "live", isStale: false, recovered: false },
};
const outputs: Extract<TabMessage, { type: "outputs" }> = {
  type: "outputs",
  outputs: [{ output: live, after: null }],
  lagMs: null,
  isVisible: true,
};
const hello = (isNew: boolean): TabMessage => ({ type: "hello", from: "other", position: null, isNew });
const catchUpFor = (to: string): TabMessage => ({
  type: "catch_up",
  to,
  catchUp: { start: POSITION, status: live.status } as CatchUp,
  isVisible: true,
});

/** A tab with a clock of its own. */
class Tab {
  state: TabState = initialTabState("me", IDENTIFY_TIMEOUT_MS);
  now = 1_700_000_000_000;

  /** @returns The types of the effects. */
  take(input: TabInput): string[] {
    return this.effects(input).map(({ type }) => type);
  }

  effects(input: TabInput): TabEffect[] {
    const [state, effects] = stepTab(Object.freeze(this.state), input, this.now);
    this.state = state;
    return effects;
  }

  /** Moves the clock to the next deadline. */
  tick(): string[] {
    this.now = nextTabTick(this.state);
    return this.take({ type: "tick" });
  }

  hear(message: TabMessage): TabEffect[] {
    return this.effects({ type: "message", message });
  }

  identified(user: string | null = "alice"): string[] {
    return this.take({ type: "identified", identification: this.state.identification, user });
  }
}

const identifying = () => {
  const tab = new Tab();
  tab.take({ type: "connect" });
  return tab;
};
const follower = () => {
  const tab = identifying();
  tab.identified();
  return tab;
};
const leader = () => {
  const tab = follower();
  tab.take({ type: "lock_won" });
  return tab;
};
const catchingUp = () => {
  const tab = follower();
  tab.take({ type: "history_missing", until: POSITION });
  return tab;
};

describe("a tab that identifies its user", () => {
  test("follows once the user is known: it joins the channel, asks the leader and waits for the lock", () => {
    const tab = new Tab();
    expect(tab.take({ type: "connect" })).toContain("identify");
    expect(tab.state.role).toBe("identifying");
    const effects = tab.effects({ type: "identified", identification: 1, user: "alice" });
    expect(effects).toEqual([
      { type: "open_channel", user: "alice" },
      { type: "say_hello", isNew: true },
      { type: "request_lock", shouldSteal: false },
    ]);
    expect(tab.state.role).toBe("follower");
  });

  test("opens its own socket when the token is late, and identifies again once that socket is live", () => {
    const tab = identifying();
    expect(nextTabTick(tab.state)).toBe(tab.now + IDENTIFY_TIMEOUT_MS);
    expect(tab.tick()).toContain("open_socket");
    expect(tab.state.role).toBe("fallback");
    expect(tab.identified()).toEqual([]);
    expect(tab.take({ type: "live" })).toEqual(["close_socket", "release_lock", "close_channel", "identify"]);
    tab.identified();
    expect(tab.state.role).toBe("follower");
  });

  test("does the same when no token came, but only once", () => {
    const tab = identifying();
    tab.take({ type: "token_failed", identification: 1 });
    tab.take({ type: "live" });
    tab.take({ type: "token_failed", identification: 2 });
    expect(tab.state.role).toBe("fallback");
    expect(tab.take({ type: "live" })).toEqual([]);
  });

  test("does the same after the page closed the connection and reconnected", () => {
    const tab = follower();
    for (let connection = 0; connection < 2; connection++) {
      tab.take({ type: "close" });
      tab.take({ type: "connect" });
      tab.tick();
      expect(tab.state.role).toBe("fallback");
      expect(tab.take({ type: "live" })).toContain("identify");
      tab.tick();
      expect(tab.take({ type: "live" })).toEqual([]);
    }
  });

  test("keeps its own socket when the browser forbids sharing", () => {
    const tab = follower();
    tab.take({ type: "sharing_forbidden" });
    expect(tab.take({ type: "live" })).toEqual([]);
    expect(tab.state.role).toBe("fallback");
  });

  test("keeps its own socket when the token names no user", () => {
    const tab = identifying();
    expect(tab.identified(null)).toContain("open_socket");
    expect(tab.take({ type: "live" })).toEqual([]);
    expect(tab.state.role).toBe("fallback");
  });

  test("ignores the answer to an earlier identification", () => {
    const tab = identifying();
    tab.take({ type: "close" });
    tab.take({ type: "connect" });
    expect(tab.take({ type: "identified", identification: 1, user: "mallory" })).toEqual([]);
    expect(tab.take({ type: "token_failed", identification: 1 })).toEqual([]);
    expect(tab.state.role).toBe("identifying");
  });
});

describe("a follower", () => {
  test("becomes the leader when it wins the lock", () => {
    const tab = follower();
    expect(tab.take({ type: "lock_won" })).toContain("open_socket");
    expect(tab.state.role).toBe("leader");
    expect(nextTabTick(tab.state)).toBe(Number.POSITIVE_INFINITY);
  });

  test("delivers what the leader relays, and the catch-up that is addressed to it", () => {
    const tab = follower();
    expect(tab.hear(outputs)).toEqual([{ type: "apply_outputs", message: outputs }]);
    expect(tab.hear(catchUpFor("me"))).toEqual([
      { type: "apply_catch_up", catchUp: { start: POSITION, status: live.status } },
    ]);
    expect(tab.hear(catchUpFor("other"))).toEqual([]);
    expect(tab.hear(hello(true))).toEqual([]);
  });

  test("asks the leader when a message was lost", () => {
    expect(follower().effects({ type: "message_missing" })).toEqual([{ type: "say_hello", isNew: false }]);
  });

  test("opens a temporary socket for events that the other tabs do not have", () => {
    const tab = follower();
    expect(tab.effects({ type: "history_missing", until: POSITION })).toEqual([
      { type: "fetch_missing", until: POSITION },
    ]);
    expect(tab.state.role).toBe("catching_up");
    expect(tab.hear(outputs)).toEqual([]);
    expect(tab.take({ type: "caught_up" })).toEqual(["close_socket", "say_hello"]);
    expect(tab.state.role).toBe("follower");
  });

  test("passes the page's calls on to the leader", () => {
    for (const tab of [follower(), catchingUp()]) {
      expect(tab.effects({ type: "connect" })).toEqual([{ type: "ask_leader_to", action: "reconnect" }]);
      expect(tab.effects({ type: "refresh" })).toEqual([{ type: "ask_leader_to", action: "refresh" }]);
    }
  });

  test("falls back to its own socket where the browser forbids sharing", () => {
    for (const tab of [follower(), catchingUp()]) {
      expect(tab.take({ type: "sharing_forbidden" })).toEqual([
        "close_socket",
        "release_lock",
        "close_channel",
        "open_socket",
      ]);
      expect(tab.state.role).toBe("fallback");
      // The page is the socket's own business now.
      expect(tab.take({ type: "suspend" })).toEqual([]);
    }
  });
});

describe("a silent leader", () => {
  test("loses the lock: a new follower soon checks, waits for an answer, and steals the lock", () => {
    for (const tab of [follower(), catchingUp()]) {
      const since = tab.now;
      expect(tab.tick()).toEqual(["say_hello"]);
      expect(tab.tick()).toEqual(["release_lock", "request_lock"]);
      expect(tab.now - since).toBe(6000);
      expect(tab.take({ type: "lock_won" })).toEqual(["close_socket", "open_socket"]);
    }
  });

  test("keeps the lock when it answers in time, whichever tab the answer is for", () => {
    for (const answer of [outputs, catchUpFor("me"), catchUpFor("other")]) {
      for (const tab of [follower(), catchingUp()]) {
        tab.tick();
        tab.hear(answer);
        expect(tab.tick()).toEqual(["say_hello"]);
      }
    }
  });

  test("is not noticed by a hidden follower until the page is shown", () => {
    const tab = follower();
    tab.take({ type: "hidden" });
    expect(tab.tick()).toEqual([]);
    expect(nextTabTick(tab.state)).toBe(Number.POSITIVE_INFINITY);
    expect(tab.take({ type: "visible" })).toEqual(["post", "say_hello"]);
  });

  test("follows again when its lock was stolen", () => {
    const tab = leader();
    expect(tab.effects({ type: "lock_stolen" })).toEqual([
      { type: "close_socket" },
      { type: "release_lock" },
      { type: "say_hello", isNew: false },
      { type: "request_lock", shouldSteal: false },
    ]);
    expect(tab.state.role).toBe("follower");
  });
});

describe("a hidden leader", () => {
  const fromHidden = { ...outputs, isVisible: false };

  test("loses the lock to a follower that stays visible for some seconds", () => {
    for (const tab of [follower(), catchingUp()]) {
      tab.tick();
      tab.hear(fromHidden);
      const since = tab.now;
      expect(tab.tick()).toEqual(["release_lock", "request_lock"]);
      expect(tab.now - since).toBeGreaterThanOrEqual(3000);
      expect(tab.now - since).toBeLessThanOrEqual(6000);
    }
  });

  test("keeps it if the follower is hidden, or another visible tab took over", () => {
    const glance = follower();
    glance.hear(fromHidden);
    glance.take({ type: "hidden" });
    expect(glance.state.takeOverAt).toBe(Number.POSITIVE_INFINITY);
    glance.hear(fromHidden);
    expect(glance.state.takeOverAt).toBe(Number.POSITIVE_INFINITY);
    const late = follower();
    late.hear(fromHidden);
    late.hear(outputs);
    expect(late.state.takeOverAt).toBe(Number.POSITIVE_INFINITY);
  });

  test("learns when a follower is shown or its network returns", () => {
    const input = { type: "online", isOnline: true } as const;
    expect(follower().effects(input)).toEqual([{ type: "post", message: { type: "page", input } }]);
  });
});

describe("a token of another user", () => {
  test("moves the tab to that user's tabs, without anything it received before", () => {
    for (const tab of [follower(), catchingUp(), leader()]) {
      expect(tab.take({ type: "user_changed", user: "admin" })).toEqual([
        "close_socket",
        "release_lock",
        "close_channel",
        "forget",
        "open_channel",
        "say_hello",
        "request_lock",
      ]);
      expect(tab.state).toMatchObject({ role: "follower", user: "admin" });
    }
  });
});

describe("a leader", () => {
  test("without a usable token lets another tab lead, but only once until a leader was live", () => {
    for (const message of [outputs, catchUpFor("other")]) {
      const tab = leader();
      expect(tab.take({ type: "resign" })).toEqual(["close_socket", "release_lock", "say_hello", "request_lock"]);
      expect(tab.state).toMatchObject({ role: "follower", hasFailed: true });
      tab.hear(message);
      expect(tab.state.hasFailed).toBe(false);
    }
  });

  test("answers followers and does what their pages ask for", () => {
    const tab = leader();
    expect(tab.hear(hello(false))).toEqual([{ type: "answer_hello", hello: hello(false) }]);
    expect(tab.hear({ type: "reconnect", token: "t" })).toEqual([{ type: "reconnect_socket", token: "t" }]);
    expect(tab.hear({ type: "refresh", token: null })).toEqual([{ type: "refresh_socket", token: null }]);
    const input = { type: "online", isOnline: true } as const;
    expect(tab.hear({ type: "page", input })).toEqual([{ type: "wake_socket", input }]);
    expect(tab.hear(outputs)).toEqual([]);
  });

  test("reconnects its own socket when its page asks for it", () => {
    const tab = leader();
    expect(tab.take({ type: "connect" })).toEqual(["reconnect_socket"]);
    expect(tab.take({ type: "refresh" })).toEqual(["refresh_socket"]);
  });
});

describe("a page", () => {
  test("that is frozen gives up socket, lock and channel, and follows when it is resumed", () => {
    for (const tab of [follower(), catchingUp(), leader()]) {
      expect(tab.take({ type: "suspend" })).toEqual(["close_socket", "release_lock", "close_channel"]);
      expect(tab.state.role).toBe("suspended");
      expect(nextTabTick(tab.state)).toBe(Number.POSITIVE_INFINITY);
      expect(tab.take({ type: "visible" })).toEqual([]);
      expect(tab.effects({ type: "resume" })).toEqual([
        { type: "open_channel", user: "alice" },
        { type: "say_hello", isNew: false },
        { type: "request_lock", shouldSteal: false },
      ]);
      expect(tab.state.role).toBe("follower");
    }
  });

  test("that closes the connection gives up everything, and identifies its user again on reconnect", () => {
    for (const tab of [identifying(), follower(), catchingUp(), leader()]) {
      expect(tab.take({ type: "close" })).toEqual(["close_socket", "release_lock", "close_channel", "report_closed"]);
      for (const type of ["close", "refresh", "resume", "lock_won"] as const) expect(tab.take({ type })).toEqual([]);
      expect(tab.take({ type: "connect" })).toContain("identify");
    }
  });
});
