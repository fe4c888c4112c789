/** Sends messages to a socket that may close at any moment. Returns whether all were handed to the runtime. */
export function trySend(socket: WebSocket, messages: readonly string[]): boolean {
  if (socket.readyState !== WebSocket.OPEN) return false;
  try {
    for (const message of messages) socket.send(message);
    return true;
  } catch {
    // It closed after the check; its close event is on the way.
    return false;
  }
}

/** Closes a socket unless it is closed already. */
export function tryClose(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(code, reason);
  } catch {
    // It is closed already.
  }
}
