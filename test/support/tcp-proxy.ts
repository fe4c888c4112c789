import { connect, createServer, type Socket } from "node:net";
import { listenOnLoopback } from "./loopback.ts";

/** A TCP proxy that simulates network failures. */
export class TcpProxy {
  /** While true, drops everything silently in both directions, like a phone without reception. */
  isDead = false;
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
      from.on("data", (bytes) => isAlive() && to.write(bytes));
      from.on("end", () => isAlive() && to.end());
      from.on("error", () => {});
      from.on("close", () => {
        this.#sockets.delete(from);
        if (isAlive()) to.destroy();
      });
    }
  }
}
