import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CLOSE_CODES } from "../../src/protocol/close-codes.ts";
import { retryOf } from "../../src/protocol/close-rules.ts";
import { step } from "../../src/sdk/connection/machine.ts";
import {
  type Effect,
  type Input,
  initialState,
  NEVER,
  nextTick,
  type State,
} from "../../src/sdk/connection/machine-state.ts";

import { upTo } from "./support/listener.ts";

/** What holds for every connection, whatever the service, the network and the page do, in whatever order. */

const EPOCH = "e1";

/** A service, a network and a clock in memory, around the machine under test. */
class World {
  state: State;
  now = 1_700_000_000_000;
  /** The events published so far are 1 … `published`. */
  published = 0;
  /** The position in the very first frame. */
  startedAt: number | undefined;
  readonly delivered: number[] = [];
  readonly attempts: number[] = [];
  readonly gaps: Effect[] = [];
  /** The open sockets, and the last `seq` sent to each. */
  readonly open = new Map<number, number>();
  sockets = 0;
  maxOpen = 0;
  afterClose: Effect[] = [];
  /** Whether a token was requested. */
  isAsked = false;
  tokenEnds = 0;
  readonly #random: () => number;
  isHealthy = true;
  /** The service can replay the events after this one. */
  forgotten = 0;

  constructor(random: () => number) {
    this.#random = random;
    this.state = initialState({ position: null, filter: null, wasLive: false, tuning: {} });
  }

  take(input: Input): void {
    const before = this.state;
    const [state, effects] = step(before, input, this.now, this.#random);
    this.state = state;
    if (before.position && state.position && before.position.epoch === state.position.epoch)
      expect(state.position.seq).toBeGreaterThanOrEqual(before.position.seq);
    for (const effect of effects) this.#run(effect);
    if (before.phase === "closed" && state.phase === "closed") this.afterClose.push(...effects);
    this.maxOpen = Math.max(this.maxOpen, this.open.size);
  }

  #run(effect: Effect): void {
    if (effect.type === "get_token") this.isAsked = true;
    if (effect.type === "open") {
      this.attempts.push(this.now);
      this.open.set(++this.sockets, effect.position?.seq ?? -1);
    }
    if (effect.type === "drop") this.open.clear();
    if (effect.type === "event") this.delivered.push(effect.event.seq);
    if (effect.type === "gap") this.gaps.push(effect);
  }

  /** Answers every token request, from a provider that caches its token. */
  giveTokens(): void {
    if (!this.isAsked) return;
    this.isAsked = false;
    if (this.now >= this.tokenEnds) this.tokenEnds = this.now + 600_000;
    this.take({ type: "token", token: `token-${this.tokenEnds}`, expiresAt: this.tokenEnds, user: "alice" });
  }

  /** The token expires early, at most once between two successes, and the provider has a new one. */
  endToken(): void {
    if (this.state.refused) return;
    this.now++;
    this.tokenEnds = this.now;
    this.close(4001, "Token expired");
  }

  publish(count: number): void {
    this.published += count;
  }

  set(isHealthy: boolean): void {
    this.isHealthy = isHealthy;
  }

  frame(seq: number, type = "order_shipped"): object {
    return { type, data: { order_id: "o" }, id: `event-${seq}`, seq, ts: new Date(this.now).toISOString() };
  }

  /** Sends each open socket what the service has for it, at most `limit` frames. */
  pump(limit = NEVER): void {
    for (const [socket, sent] of [...this.open]) {
      const frames: unknown[] = [];
      let since = sent;
      if (this.state.phase === "connecting") {
        const resumed = sent < 0 ? null : sent >= this.forgotten;
        const data = { epoch: EPOCH, seq: this.published, resumed };
        frames.push({ type: "connection_established", data, ts: new Date(this.now).toISOString() });
        if (!resumed) since = this.published;
        this.startedAt ??= since;
      }
      while (since < this.published && frames.length < limit) frames.push(this.frame(++since));
      this.open.set(socket, since);
      for (const frame of frames) if (this.open.has(socket)) this.take({ type: "frame", frame });
    }
  }

  close(code: number, reason = ""): void {
    if (this.open.size === 0) return;
    this.open.clear();
    this.take({ type: "socket_closed", code, reason });
  }

  /** Lets time pass; ticks come up to `late` ms after they are due. */
  pass(ms: number, late = 0): void {
    const until = this.now + ms;
    for (;;) {
      const at = nextTick(this.state) + late;
      if (at > until) break;
      this.now = Math.max(this.now, at);
      this.take({ type: "tick" });
      if (this.isHealthy) this.answer();
    }
    this.now = until;
  }

  /** What a healthy service does: provides tokens, answers pings, and sends what it has. */
  answer(): void {
    this.giveTokens();
    this.pump();
    if (this.open.size > 0) this.take({ type: "pong" });
  }
}

type Move = (world: World) => void;
const closeCodes = [...Object.keys(CLOSE_CODES).map(Number), 1000, 1001, 1005, 1006, 1011, 1012, 4042, 4150, 4299];

const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 4, arbitrary: fc.nat(40_000).map((ms) => (world: World) => world.pass(ms)) },
  { weight: 1, arbitrary: fc.nat(600_000).map((ms) => (world: World) => world.pass(ms, 60_000)) },
  { weight: 4, arbitrary: fc.nat(5).map((count) => (world: World) => world.publish(count)) },
  { weight: 4, arbitrary: fc.constantFrom(1, 2, 3, NEVER).map((limit) => (world: World) => world.pump(limit)) },
  { weight: 3, arbitrary: fc.constant((world: World) => world.giveTokens()) },
  {
    weight: 1,
    arbitrary: fc.constant((world: World) => {
      if (world.isAsked) world.take({ type: "token_failed" });
      world.isAsked = false;
    }),
  },
  { weight: 1, arbitrary: fc.boolean().map((isHealthy) => (world: World) => world.set(isHealthy)) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom<Input>(
        { type: "suspend" },
        { type: "resume" },
        { type: "connect" },
        { type: "refresh" },
        { type: "tick" },
        { type: "online", isOnline: false },
        { type: "online", isOnline: true },
        { type: "hidden" },
        { type: "visible" },
      )
      .map((input) => (world: World) => world.take(input)),
  },
  // Repeated frames, and nonsense.
  {
    weight: 1,
    arbitrary: fc.nat(5).map((back) => (world: World) => {
      const seq = (world.state.position?.seq ?? 0) - back;
      const frames = [world.frame(seq), null, 7, "x", {}, { type: "order_shipped" }, { seq: "9" }];
      for (const frame of frames) if (world.open.size > 0) world.take({ type: "frame", frame });
    }),
  },
);
const retryCodes = closeCodes.filter((code) => retryOf(code) !== "never");
const interrupt = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...retryCodes).map((code) => (world: World) => world.close(code)) },
  { weight: 1, arbitrary: fc.constant((world: World) => world.endToken()) },
);
const refuse = fc.constantFrom(...closeCodes).map((code) => (world: World) => world.close(code));
const lives = (more: fc.Arbitrary<Move>) =>
  fc.array(fc.oneof({ weight: 8, arbitrary: move }, { weight: 1, arbitrary: more }), { maxLength: 80 });
/** Includes generators that always return the same number. */
const randomness = fc.oneof(
  fc.constantFrom(0, 0.5, 1 - Number.EPSILON).map((value) => () => value),
  fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })).map((stream) => () => {
    return stream.next().value ?? 0;
  }),
);
const run = (random: () => number, moves: Move[]) => {
  const world = new World(random);
  world.take({ type: "connect" });
  for (const one of moves) one(world);
  return world;
};
const check = (more: fc.Arbitrary<Move>, property: (world: World) => void) =>
  fc.assert(
    fc.property(randomness, lives(more), (random, moves) => property(run(random, moves))),
    { numRuns: 500 },
  );

describe("for every connection", () => {
  test("at most one socket is open", () =>
    check(refuse, ({ maxOpen }) => {
      expect(maxOpen).toBeLessThan(2);
    }));

  test("every event is delivered once, in order, and the position never decreases", () =>
    check(interrupt, ({ delivered, gaps, startedAt }) => {
      expect(gaps).toEqual([]);
      const first = Number(startedAt) + 1;
      expect(delivered).toEqual(delivered.length === 0 ? [] : upTo(first + delivered.length - 1, first));
    }));

  test("nothing happens after a final close code until the page reconnects", () =>
    fc.assert(
      fc.property(randomness, lives(interrupt), lives(refuse), (random, moves, later) => {
        const world = run(random, moves);
        world.take({ type: "connect" });
        world.isHealthy = true;
        world.take({ type: "resume" });
        world.pass(300_000);
        world.close(4003);
        expect(world.state.status).toMatchObject({ state: "closed", reason: { code: 4003, userMustAct: true } });
        const attempts = world.attempts.length;
        const { take } = world;
        world.take = (input) => {
          if (input.type !== "connect" && input.type !== "refresh") take.call(world, input);
        };
        for (const one of later) one(world);
        expect(world.attempts).toHaveLength(attempts);
        expect(world.afterClose).toEqual([]);
      }),
      { numRuns: 200 },
    ));

  test("the number of attempts per minute is bounded, whatever the page and the random numbers do", () =>
    check(interrupt, ({ attempts }) => {
      for (const [i, at] of attempts.entries()) {
        const within = attempts.slice(i).filter((other) => other < at + 60_000).length;
        // One per second, plus one for every time the connection was live for a while.
        expect(within).toBeLessThanOrEqual(60 + 12 + 1);
      }
    }));

  const bounds: [number, number][] = [
    [0, 62],
    [0.5, 9],
    [1 - Number.EPSILON, 7],
  ];
  for (const [value, most] of bounds) {
    test(`a service that closes every socket at once is tried at most ${most} times a minute, with random number ${value}`, () => {
      for (const code of retryCodes) {
        for (const hasFirstFrame of [false, true]) {
          const world = run(() => value, []);
          world.answer = () => {
            world.giveTokens();
            if (hasFirstFrame) world.pump();
            world.close(code);
          };
          world.answer();
          world.pass(60_000);
          expect(world.attempts.length).toBeLessThanOrEqual(most);
          world.pass(600_000);
          expect(world.attempts.at(-1)).toBeGreaterThan(world.now - 2 * world.state.tuning.maxBackoffMs);
        }
      }
    });
  }

  test("it is live again once the service is healthy, and has missed nothing", () =>
    check(interrupt, (world) => {
      world.isHealthy = true;
      world.take({ type: "online", isOnline: true });
      world.take({ type: "visible" });
      world.take({ type: "resume" });
      world.pass(180_000);
      world.answer();
      expect(world.state.status).toMatchObject({ state: "live", isStale: false });
      expect(world.state.position).toEqual({ epoch: EPOCH, seq: world.published });
      expect(world.delivered).toEqual(upTo(world.published, Number(world.startedAt) + 1));
    }));

  test("the same inputs lead to the same state, and no state is modified", () =>
    fc.assert(
      fc.property(lives(refuse), (moves) => {
        const freeze = (world: World) => Object.freeze(world.state);
        const worlds = [run(() => 0.3, moves), run(() => 0.3, [...moves.flatMap((one) => [freeze, one] as Move[])])];
        expect(worlds[0]?.state).toEqual(worlds[1]?.state);
      }),
    ));
});
