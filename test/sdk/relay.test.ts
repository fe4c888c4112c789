import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import type { Link, Output, Share } from "../../src/sdk/connection/link.ts";
import type { OrderEvent, OrderSnapshot } from "../../src/sdk/index.ts";
import { openTabLink } from "../../src/sdk/tabs/tab-link.ts";
import { eventually } from "../support/eventually.ts";
import { mintToken } from "../support/tokens.ts";

/** What a leader relays to other tabs, with a socket that the test plays. */

afterEach(() => {
  vi.unstubAllGlobals();
});

const CLOSED: Link = {
  status: { state: "connecting", isStale: false },
  position: null,
  lagMs: null,
  close() {},
  reconnect() {},
  refreshToken() {},
  take() {},
};
const snapshot = { order_id: "o", epoch: "e", seq: 0, resumed: null } as OrderSnapshot;
const event = { type: "order_created", data: { order_id: "o" }, id: "1", seq: 1, ts: "" } satisfies OrderEvent;

test("what waits to be relayed when the user changes reaches no tab of the new user", async () => {
  const posted: [channel: string, message: string][] = [];
  vi.stubGlobal(
    "BroadcastChannel",
    class {
      readonly #name: string;

      constructor(name: string) {
        this.#name = name;
      }

      postMessage(message: unknown): void {
        posted.push([this.#name, JSON.stringify(message)]);
      }

      close(): void {}
    },
  );
  const [alice, carol] = [await mintToken({ subject: "alice" }), await mintToken({ subject: "carol" })];
  // The event arrives this many microtasks after the new user's token. For some number, that is just before the tab learns of it.
  for (let ticks = 0; ticks < 20; ticks++) {
    let token = alice;
    let socket: Parameters<Share["open"]> | undefined;
    const link = openTabLink({
      name: `relay-${ticks}`,
      tuning: {},
      position: null,
      getToken: () => token,
      onOutput: () => {},
      open: (...args) => {
        socket = args;
        return CLOSED;
      },
    });
    const [, , emit, getToken] = await eventually(() => {
      if (!socket) throw new Error("the tab does not lead yet");
      return socket;
    });
    const report = (output: Output) => emit(output);
    report({ type: "snapshot", snapshot });
    await Promise.resolve();
    token = carol;
    const refused = Promise.resolve(getToken?.()).catch(() => {});
    for (let i = 0; i < ticks; i++) await Promise.resolve();
    report({ type: "event", event });
    await refused;
    link.close();
  }
  const ofCarol = posted.filter(([channel]) => channel.includes("carol"));
  expect(ofCarol.length).toBeGreaterThan(0);
  expect(ofCarol.filter(([, message]) => message.includes("order_created"))).toEqual([]);
});

test("a tab that takes over before the first snapshot is connecting, whatever the former leader was", async () => {
  const openTab = () => {
    const states: string[] = [];
    let emit: ((output: Output) => void) | undefined;
    const link = openTabLink({
      name: "take-over",
      tuning: {},
      position: null,
      getToken: mintToken,
      onOutput: (output) => output.type === "status" && states.push(output.status.state),
      open: (_position, _wasLive, onOutput) => {
        emit = onOutput;
        return CLOSED;
      },
    });
    onTestFinished(() => link.close());
    return { link, states, report: (output: Output) => emit?.(output) };
  };
  const leader = openTab();
  await eventually(() => {
    leader.report({ type: "status", status: { state: "offline", isStale: false } });
    expect(leader.states).toEqual(["offline"]);
  });
  const follower = openTab();
  await eventually(() => expect(follower.states).toEqual(["offline"]));
  leader.link.close();
  await eventually(() => expect(follower.states).toEqual(["offline", "connecting"]));
});

test("`close()` in a callback ends a catch-up, and the rest is delivered after `reconnect()`", async () => {
  let emit: ((output: Output) => void) | undefined;
  const share: Share = {
    name: "close-in-callback",
    tuning: {},
    position: null,
    getToken: mintToken,
    onOutput: () => {},
    open: (_position, _wasLive, onOutput) => {
      emit = onOutput;
      return CLOSED;
    },
  };
  const leader = openTabLink(share);
  await eventually(() => expect(emit).toBeDefined());
  emit?.({ type: "snapshot", snapshot });
  for (const seq of [1, 2, 3]) emit?.({ type: "event", event: { ...event, id: String(seq), seq } });
  const seqs: number[] = [];
  const onOutput = (output: Output) => {
    if (output.type !== "event") return;
    seqs.push(output.event.seq);
    if (seqs.length === 1) follower.close();
  };
  const follower = openTabLink({ ...share, position: { epoch: "e", seq: 0 }, onOutput });
  onTestFinished(() => {
    follower.close();
    leader.close();
  });
  await eventually(() => expect(follower.status.state).toBe("closed"));
  expect(seqs).toEqual([1]);
  follower.reconnect();
  await eventually(() => expect(seqs).toEqual([1, 2, 3]));
});
