import { connect, createServer, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { listenOnLoopback } from "./loopback.ts";

/** How much a slow connection receives at a time. */
const SLICE_BYTES = 512;

/** A TCP proxy that simulates network failures. */
export class TcpProxy {
  /** While true, drops everything silently in both directions, like a phone without reception. */
  isDead = false;
  /** While set, clients receive so many bytes per second on each connection. */
  bytesPerSecond: number | null = null;
  readonly #target: URL;
  readonly #server = createServer((client) => this.#accept(client));
  readonly #sockets = new Set<Socket>();

  constructor(target: string) {
    this.#target = new URL(target);
  }

  listen(): Promise<string> {
    return listenOnLoopback(this.#server);
  }

  /** Resets every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  async #trickle(bytes: Buffer, from: Socket, to: Socket): Promise<void> {
    from.pause();
    for (let i = 0; i < bytes.length && !to.destroyed; i += SLICE_BYTES) {
      to.write(bytes.subarray(i, i + SLICE_BYTES));
      if (this.bytesPerSecond !== null) await wait((1000 * SLICE_BYTES) / this.bytesPerSecond);
    }
    from.resume();
  }

  #accept(client: Socket): void {
    const server = connect(Number(this.#target.port), this.#target.hostname);
    // A connection that lost bytes stays dead when the network recovers.
    let isDead = false;
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      const isAlive = () => {
        isDead ||= this.isDead;
        return !isDead;
      };
      from.on("data", (bytes: Buffer) => {
        if (!isAlive()) return;
        if (from === server && this.bytesPerSecond !== null) void this.#trickle(bytes, from, to);
        else to.write(bytes);
      });
      from.on("end", () => isAlive() && to.end());
      from.on("error", () => {});
      from.on("close", () => {
        this.#sockets.delete(from);
        if (isAlive()) to.destroy();
      });
    }
  }
}
