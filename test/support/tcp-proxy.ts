import { connect, createServer, type Socket } from "node:net";
import { listenOnLoopback } from "./loopback.ts";

/** Stands between a client and a server and lets the network between them fail; it knows nothing of what is said. */
export class TcpProxy {
  /** While true, nothing gets through, either way, and nobody is told: as with a radio that lost its tower. */
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
    // What was swallowed once is missing for good: this connection stays dead when the network lives again.
    let isDead = false;
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      const goesOn = () => {
        isDead ||= this.isDead;
        return !isDead;
      };
      from.on("data", (bytes) => goesOn() && to.write(bytes));
      from.on("end", () => goesOn() && to.end());
      from.on("error", () => {});
      from.on("close", () => {
        this.#sockets.delete(from);
        if (goesOn()) to.destroy();
      });
    }
  }
}
