import { rememberPayload } from "./leak-guard/rules.ts";
import { PUBLISH_KEY } from "./test-env.ts";
import type { Frame } from "./test-socket.ts";
import { mintToken, type TokenOptions } from "./tokens.ts";

/** Clients in Node, over real sockets, of a service in the bare runtime. */

/** Sends a request as a service: JSON, with the publish key. */
export function callService(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<Response> {
  rememberPayload(body);
  return fetch(`${url}/api/v1/${path}`, {
    method,
    ...(signal && { signal }),
    headers: { Authorization: `Bearer ${PUBLISH_KEY}`, "Content-Type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

/** Registers a new order that belongs to `user`. @returns Its id. */
export async function registerOrderAt(url: string, user = "alice"): Promise<string> {
  const id = crypto.randomUUID();
  const order = { user_id: user, status: "pending", payment_status: "pending" };
  const response = await callService(url, "PUT", `orders/${id}`, order);
  if (response.status !== 201) throw new Error(`the order was not registered: ${response.status}`);
  return id;
}

export interface ListenOptions extends TokenOptions {
  query?: Record<string, string>;
  speaksV1?: boolean;
}

/** A listener that keeps every event frame it receives. */
export class NodeListener {
  readonly frames: Frame[] = [];
  /** The `data` of every later `connection_established`, which announces a new epoch. */
  readonly again: Frame["data"][] = [];
  readonly closed = Promise.withResolvers<{ code: number; reason: string }>();
  readonly #socket: WebSocket;
  readonly #established = Promise.withResolvers<Frame["data"]>();
  #isEstablished = false;
  #wake: () => void = () => {};

  constructor(url: string, protocols: string[]) {
    this.#socket = new WebSocket(url, protocols);
    this.#socket.addEventListener("message", ({ data }) => {
      for (const frame of [JSON.parse(String(data))].flat() as Frame[]) {
        if (frame.type === "ack_request") this.send(JSON.stringify({ ...frame, type: "ack" }));
        else if (frame.type !== "connection_established") this.frames.push(frame);
        else if (this.#isEstablished) this.again.push(frame.data);
        else {
          this.#isEstablished = true;
          this.#established.resolve(frame.data);
        }
      }
      this.#wake();
    });
    this.#socket.addEventListener("error", () => this.#established.reject(new Error("the connection failed")));
    this.#socket.addEventListener("close", ({ code, reason }) => {
      this.#established.reject(new Error(`closed with ${code} ${reason}`));
      this.closed.resolve({ code, reason });
    });
    // A failure that no test awaits must not end the process.
    this.#established.promise.catch(() => {});
  }

  /** The first frame's `data`. */
  get established(): Promise<Frame["data"]> {
    return this.#established.promise;
  }

  /** Waits until so many event frames have been received. */
  async receive(count: number): Promise<Frame[]> {
    while (this.frames.length < count) {
      const woken = Promise.withResolvers<void>();
      this.#wake = woken.resolve;
      await Promise.race([
        woken.promise,
        this.closed.promise.then(({ code }) => {
          throw new Error(`closed with ${code} after ${this.frames.length} of ${count} frames`);
        }),
      ]);
    }
    return this.frames;
  }

  send(message: string): void {
    this.#socket.send(message);
  }

  close(): void {
    this.#socket.close();
  }
}

/** Opens a listener and waits for its first frame. */
export async function listenAt(url: string, path: string, options: ListenOptions = {}): Promise<NodeListener> {
  const { query = {}, speaksV1 = false, ...token } = options;
  const search = new URLSearchParams({ token: await mintToken(token), ...query });
  const address = `${url.replace("http", "ws")}/api/v1/ws/${path}?${search}`;
  const listener = new NodeListener(address, speaksV1 ? ["tidings.v1"] : []);
  await listener.established;
  return listener;
}
