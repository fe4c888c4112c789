import { BEARER_PROTOCOL_PREFIX, PONG, SUBPROTOCOL } from "../../protocol/frames.ts";
import { step } from "./machine.ts";
import { type Effect, type Input, initialState, NEVER, nextTick, type Start, type State } from "./machine-state.ts";
import type { Link, Output } from "./output.ts";
import { watchPage } from "./page.ts";
import { claimOf } from "./token.ts";
import type { Position } from "./types.ts";

/** Those that a token consists of (RFC 7515, section 7.1). */
const JWT_CHARACTERS = /^[\w.-]+$/;
/** `WebSocket.OPEN`, which not every runtime has. */
const OPEN = 1;
/** Longer timers fire at once (a signed 32-bit number of milliseconds). */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** One connection with a real socket, a real clock and real timers around the state machine. */
export class Driver implements Link {
  #state: State;
  readonly #socketUrl: (position: Position | null, products: readonly string[] | null) => string;
  readonly #getToken: () => Promise<string>;
  readonly #onOutput: (output: Output) => void;
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #unwatch: (() => void) | undefined;
  readonly #inputs: Input[] = [];
  #isBusy = false;
  #lastNow = 0;
  #ahead = 0;

  constructor(
    start: Start,
    socketUrl: (position: Position | null, products: readonly string[] | null) => string,
    getToken: () => Promise<string>,
    onOutput: (output: Output) => void,
  ) {
    this.#state = initialState(start);
    this.#socketUrl = socketUrl;
    this.#getToken = getToken;
    this.#onOutput = onOutput;
    this.reconnect();
  }

  get position(): Position | null {
    return this.#state.position;
  }

  get lagMs(): number | null {
    return this.#state.lagMs;
  }

  close(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#take({ type: "stop" });
  }

  reconnect(): void {
    this.#unwatch ??= watchPage((input) => this.#take(input));
    this.#take({ type: "connect" });
  }

  refreshToken(): void {
    // What the page closed is over: whoever tells of tokens may outlive whoever listened.
    if (this.#unwatch) this.#take({ type: "refresh" });
  }

  filter(productIds: readonly string[], isAdded: boolean): void {
    this.#take({ type: "filter", productIds, isAdded });
  }

  /** Milliseconds since 1970. When the device's clock is set back, what is planned must not wait until it is there again. */
  #now(): number {
    this.#ahead = Math.max(this.#ahead, this.#lastNow - Date.now());
    this.#lastNow = Date.now() + this.#ahead;
    return this.#lastNow;
  }

  /** One input after the other: what a page does while it is told something comes after that. */
  #take(input: Input): void {
    this.#inputs.push(input);
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let next = this.#inputs.shift(); next; next = this.#inputs.shift()) {
      const [state, effects] = step(this.#state, next, this.#now(), Math.random);
      this.#state = state;
      for (const effect of effects) this.#run(effect);
    }
    this.#isBusy = false;
    clearTimeout(this.#timer);
    const at = nextTick(this.#state);
    if (at !== NEVER) {
      this.#timer = setTimeout(
        () => this.#take({ type: "tick" }),
        Math.min(Math.max(0, at - this.#now()), MAX_TIMER_MS),
      );
    }
  }

  #run(effect: Effect): void {
    switch (effect.type) {
      case "get_token":
        this.#fetchToken(effect.request);
        return;
      case "open":
        this.#open(effect);
        return;
      case "send":
        if (this.#socket?.readyState === OPEN) this.#socket.send(effect.text);
        return;
      case "drop":
        this.#socket?.close(1000);
        this.#socket = null;
        return;
      default:
        // A page that closed the connection while it was told something hears nothing more.
        if (!this.#inputs.some(({ type }) => type === "stop")) this.#onOutput(effect);
    }
  }

  async #fetchToken(request: number): Promise<void> {
    try {
      const token: unknown = await this.#getToken();
      // An error page, for instance, or what is not in it: the service could only say that it should not come back.
      if (typeof token !== "string" || !JWT_CHARACTERS.test(token)) throw new TypeError();
      const expiresAt = Number(claimOf(token, "exp")) * 1000 || NEVER;
      this.#take({ type: "token", request, token, expiresAt });
    } catch {
      this.#take({ type: "token_failed", request });
    }
  }

  #open({ socket: id, token, position, products }: Extract<Effect, { type: "open" }>): void {
    try {
      const url = this.#socketUrl(position, products);
      const socket = new WebSocket(url, [SUBPROTOCOL, BEARER_PROTOCOL_PREFIX + token]);
      this.#socket = socket;
      socket.addEventListener("message", ({ data }) => {
        if (data === PONG) this.#take({ type: "pong", socket: id });
        // One by one: the position is that of the last event that the page was told of.
        else for (const frame of framesOf(String(data))) this.#take({ type: "frame", socket: id, frame });
      });
      socket.addEventListener("close", ({ code, reason }) => this.#take({ type: "closed", socket: id, code, reason }));
    } catch {
      // The error would show the token. Trying the same again does not help.
      const reason = "No WebSocket URL";
      this.#take({ type: "closed", socket: id, code: 4005, reason });
    }
  }
}

/** The frames of a message; none of one that is no JSON. */
function framesOf(text: string): unknown[] {
  try {
    return [JSON.parse(text)].flat();
  } catch {
    return [];
  }
}
