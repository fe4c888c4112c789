import { BEARER_PROTOCOL_PREFIX, PONG, SUBPROTOCOL } from "../../protocol/frames.ts";
import type { Link, Output } from "./link.ts";
import { step } from "./machine.ts";
import { type Effect, type Input, initialState, nextTick, type Start, type State } from "./machine-state.ts";
import { watchPage } from "./page.ts";
import type { ProductFilter } from "./product-filter.ts";
import { guard, runMachine } from "./runner.ts";
import { parseToken } from "./token.ts";
import type { GetToken, Position } from "./types.ts";

/** Opens a connection: runs its state machine with a real socket, clock and page. */
export function openLink(
  start: Start,
  socketUrl: (position: Position | null, filter: ProductFilter) => string,
  getToken: GetToken,
  onOutput: (output: Output) => void,
): Link {
  let socket: WebSocket | null = null;
  let unwatchPage: (() => void) | undefined;
  let isFetching = false;
  /** Whether the page may have a newer token than the one that the call in flight returns. */
  let isOutdated = false;
  const machine = runMachine<State, Input, Effect>(initialState(start), step, nextTick, run);
  const { take } = machine;

  function run(effect: Effect): void {
    switch (effect.type) {
      case "get_token":
        void fetchToken();
        return;
      case "open":
        openSocket(effect);
        return;
      case "send":
        socket?.send(effect.text);
        return;
      case "drop":
        socket?.close(1000);
        socket = null;
        return;
      default:
        // A page that called `close()` from a callback receives no more events.
        if (unwatchPage || effect.type === "status") onOutput(effect);
    }
  }

  /** Calls `getToken`, never twice at a time. A late token is still used. */
  async function fetchToken(): Promise<void> {
    if (isFetching) return;
    isFetching = true;
    let answer: Input;
    do {
      isOutdated = false;
      try {
        answer = { type: "token", ...parseToken(await getToken()) };
      } catch (error) {
        answer = { type: "token_failed", message: Object(error).message };
      }
    } while (isOutdated);
    isFetching = false;
    take(answer);
  }

  function openSocket({ token, position, filter }: Extract<Effect, { type: "open" }>): void {
    try {
      const opened = new WebSocket(socketUrl(position, filter), [SUBPROTOCOL, BEARER_PROTOCOL_PREFIX + token]);
      // A socket that was dropped reports nothing more.
      const receive = (input: Input) => opened === socket && take(input);
      opened.onmessage = ({ data }) => {
        if (data === PONG) receive({ type: "pong" });
        else guard(receiveFrames, data);
      };
      // One at a time, so that the position is always that of the event just delivered.
      const receiveFrames = (text: string) =>
        [JSON.parse(text)].flat().map((frame) => receive({ type: "frame", frame }));
      opened.onclose = ({ code, reason }) => receive({ type: "socket_closed", code, reason });
      socket = opened;
    } catch {
      // The URL is invalid; retrying does not help. The error itself is dropped because it contains the token.
      take({ type: "socket_closed", code: 4005, reason: "Invalid URL" });
    }
  }

  function reconnect(): void {
    isOutdated = true;
    unwatchPage ??= watchPage(take);
    take({ type: "connect" });
  }
  reconnect();

  return {
    get status() {
      return machine.state.status;
    },
    get position() {
      return machine.state.position;
    },
    get lagMs() {
      return machine.state.lagMs;
    },
    close() {
      unwatchPage?.();
      unwatchPage = undefined;
      take({ type: "close" });
    },
    reconnect,
    refreshToken() {
      // After `close()`, a new token must not open the connection again.
      if (!unwatchPage) return;
      isOutdated = true;
      take({ type: "refresh" });
    },
    take,
  };
}
