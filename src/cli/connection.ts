import { PING } from "../protocol/frames.ts";
import { BROKEN_OFF, type Closing } from "./closing.ts";

/** How long the handshake may take. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** After so long without a message the other side is asked whether it is there. */
const HEARTBEAT_AFTER_MS = 20_000;
/** How long it may take to answer that. */
const HEARTBEAT_TIMEOUT_MS = 10_000;

/**
 * One socket, from its opening to its end. A network that drops packets without a word would leave it open for hours,
 * so silence is answered with `ping`, and silence after that is an end.
 * @param onMessage Gets every message, and a way to send one.
 * @param signal Ends the connection.
 */
export function connect(
  url: string,
  onMessage: (text: string, send: (text: string) => void) => void,
  signal: AbortSignal,
): Promise<Closing> {
  const socket = new WebSocket(url);
  const { promise, resolve } = Promise.withResolvers<Closing>();
  const giveUp = (reason: string) => {
    resolve({ code: BROKEN_OFF, reason });
    socket.close();
  };
  const send = (text: string) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(text);
  };
  const seconds = (ms: number) => `${ms / 1000} s`;
  let timer = setTimeout(() => giveUp(`no handshake within ${seconds(HANDSHAKE_TIMEOUT_MS)}`), HANDSHAKE_TIMEOUT_MS);
  const expectLife = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      send(PING);
      const reason = `no answer to ${PING} within ${seconds(HEARTBEAT_TIMEOUT_MS)}`;
      timer = setTimeout(() => giveUp(reason), HEARTBEAT_TIMEOUT_MS);
    }, HEARTBEAT_AFTER_MS);
  };
  const onAbort = () => {
    resolve({ code: 1000, reason: "" });
    socket.close(1000);
  };

  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  socket.addEventListener("open", expectLife);
  socket.addEventListener("message", ({ data }) => {
    expectLife();
    onMessage(String(data), send);
  });
  socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason }));
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  });
}
