import { DurableObject } from "cloudflare:workers";
import type { Env } from "../config/env.ts";
import { ABNORMAL_CLOSURE } from "../protocol/close-rules.ts";
import { handleMessage } from "./client-message.ts";
import type { SocketObjectRpc } from "./contract.ts";
import type { SocketCore } from "./core.ts";

/**
 * A Durable Object with sockets: what the runtime and the Worker may call on channels and on shards alike.
 *
 * RPC exposes every method of the class, so internals are fields, which it does not expose, or `#private`.
 */
export abstract class SocketObject<C extends SocketCore> extends DurableObject<Env> implements SocketObjectRpc {
  readonly core: C;

  constructor(ctx: DurableObjectState, env: Env, core: C) {
    super(ctx, env);
    this.core = core;
  }

  /** Admits a client, on behalf of the Worker (`requestSocket`). */
  abstract override fetch(request: Request): Promise<Response>;

  async disconnect(userId: string | null): Promise<number> {
    return this.core.listeners.closeWhere(({ subject }) =>
      userId === null || subject === userId ? "disconnected" : null,
    );
  }

  async countListeners(): Promise<number> {
    return this.core.listeners.count;
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    return handleMessage(this.core, socket, message, Date.now());
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    this.core.listeners.completeClose(socket, code);
  }

  override webSocketError(socket: WebSocket): void {
    this.core.listeners.remove(socket, ABNORMAL_CLOSURE);
  }
}
