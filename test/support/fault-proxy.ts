import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { listenOnLoopback } from "./loopback.ts";

/** A failure between the service and Redis. */
export type Fault =
  | "none"
  /** Answers 500 without forwarding. */
  | "500"
  /** Answers 401 without forwarding. */
  | "401"
  /** Never answers. */
  | "hang"
  /** Forwards, and returns half of the answer as if it were complete. */
  | "truncate"
  /** Forwards, and drops the connection instead of answering. */
  | "lose reply";

/** An HTTP proxy that injects failures. */
export class FaultProxy {
  fault: Fault = "none";
  /** Requests that met a fault since a test last set this to 0. */
  faults = 0;
  /** Selects the requests that meet the fault; by default all but subscriptions. */
  applies: (body: string, path: string) => boolean = (_, path) => !path.startsWith("/subscribe");
  /** Longer replies are answered with an error, as by a service that limits them. */
  maxReplyLength = Number.POSITIVE_INFINITY;
  readonly #target: URL;
  readonly #server = createServer((request, response) => void this.#handle(request, response));
  readonly #streams = new Set<ServerResponse>();

  constructor(target: string) {
    this.#target = new URL(target);
  }

  listen(): Promise<string> {
    return listenOnLoopback(this.#server);
  }

  /** The number of open subscriptions. */
  get subscriptions(): number {
    return this.#streams.size;
  }

  /** Ends every subscription in the middle of an event. */
  cutSubscriptions(): void {
    for (const stream of this.#streams) {
      stream.write("data: mess");
      stream.end();
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const path = request.url ?? "/";
    const fault = this.applies(body.toString(), path) ? this.fault : "none";
    if (fault !== "none") this.faults++;
    if (fault === "hang") return;
    if (fault === "500" || fault === "401") {
      response.writeHead(Number(fault), { "Content-Type": "application/json" });
      response.end(JSON.stringify({ error: fault === "401" ? "Unauthorized" : "Internal Server Error" }));
      return;
    }
    const { host, ...headers } = request.headers;
    const upstream = httpRequest(
      { host: this.#target.hostname, port: this.#target.port, path, method: request.method, headers },
      (answer) => void this.#passOn(answer, response, fault, path),
    );
    upstream.on("error", () => response.destroy());
    response.on("close", () => upstream.destroy());
    upstream.end(body);
  }

  async #passOn(answer: IncomingMessage, response: ServerResponse, fault: Fault, path: string): Promise<void> {
    if (path.startsWith("/subscribe")) {
      this.#streams.add(response);
      response.on("close", () => this.#streams.delete(response));
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.on("error", () => response.destroy());
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    if (body.length > this.maxReplyLength) {
      this.faults++;
      response.writeHead(400, { "Content-Type": "application/json" });
      return void response.end(JSON.stringify({ error: "ERR max response size exceeded" }));
    }
    if (fault === "lose reply") return void response.destroy();
    const sent = fault === "truncate" ? body.subarray(0, Math.floor(body.length / 2)) : body;
    response.writeHead(answer.statusCode ?? 502, { ...answer.headers, "content-length": sent.length });
    response.end(sent);
  }
}
