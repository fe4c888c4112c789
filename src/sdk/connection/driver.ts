import type { CloseCode } from "../../protocol/close-rules.ts";
import { BEARER_PROTOCOL_PREFIX, PONG, SUBPROTOCOL } from "../../protocol/frames.ts";
import type { Link, Output } from "./link.ts";
import { step } from "./machine.ts";
import { type Effect, type Input, initialState, NEVER, nextTick, type Start, type State } from "./machine-state.ts";
import type { GetToken } from "./options.ts";
import { watchPage } from "./page.ts";
import type { ProductFilter } from "./product-filter.ts";
import { runMachine } from "./runner.ts";
import { claimOf } from "./token.ts";
import type { Position } from "./types.ts";

/** RFC 7515, section 7.1: base64url parts, separated by dots. */
const JWT_CHARACTERS = /^[\w.-]+$/;
/** `WebSocket.OPEN`, which some runtimes lack. */
const OPEN = 1;
const PROTOCOL_ERROR = 4005 satisfies CloseCode;

/** Opens a connection: runs its state machine with a real socket, clock and page. */
export function openLink(
  start: Start,
  socketUrl: (position: Position | null, filter: ProductFilter) => string,
  getToken: GetToken,
  onOutput: (output: Output) => void,
): Link {
  let socket: WebSocket | null = null;
  let unwatchPage: (() => void) | undefined;
  const machine = runMachine<State, Input, Effect>(initialState(start), step, nextTick, run);
  const { take } = machine;

  function run(effect: Effect): void {
    switch (effect.type) {
      case "get_token":
        void fetchToken(effect.request);
        return;
      case "open":
        openSocket(effect);
        return;
      case "send":
        if (socket?.readyState === OPEN) socket.send(effect.text);
        return;
      case "drop":
        socket?.close(1000);
        socket = null;
        return;
      default:
        // After the page called `close()` from a callback, it receives nothing more.
        if (!machine.isQueued("close")) onOutput(effect);
    }
  }

  async function fetchToken(request: number): Promise<void> {
    try {
      const token: unknown = await getToken();
      // The text of an error page, for example: the service would refuse it for good, but the next call may succeed.
      if (typeof token !== "string" || !JWT_CHARACTERS.test(token)) throw new TypeError();
      take({ type: "token", request, token, expiresAt: Number(claimOf(token, "exp")) * 1000 || NEVER });
    } catch {
      take({ type: "token_failed", request });
    }
  }

  function openSocket({ socket: id, token, position, filter }: Extract<Effect, { type: "open" }>): void {
    try {
      socket = new WebSocket(socketUrl(position, filter), [SUBPROTOCOL, BEARER_PROTOCOL_PREFIX + token]);
      socket.addEventListener("message", ({ data }) => {
        if (data === PONG) take({ type: "pong", socket: id });
        // One input per frame, so that the position is always that of the event just delivered.
        else for (const frame of parseFrames(String(data))) take({ type: "frame", socket: id, frame });
      });
      socket.addEventListener("close", ({ code, reason }) => take({ type: "socket_closed", socket: id, code, reason }));
    } catch {
      // The URL is invalid; retrying does not help. The error itself is dropped because it contains the token.
      take({ type: "socket_closed", socket: id, code: PROTOCOL_ERROR, reason: "Invalid WebSocket URL" });
    }
  }

  function reconnect(): void {
    unwatchPage ??= watchPage(take);
    take({ type: "connect" });
  }
  reconnect();

  return {
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
      if (unwatchPage) take({ type: "refresh" });
    },
    setFilter: (filter) => take({ type: "filter", filter }),
  };
}

/** Returns the frames of a message, or none if it is not JSON. */
function parseFrames(text: string): unknown[] {
  try {
    return [JSON.parse(text)].flat();
  } catch {
    return [];
  }
}
