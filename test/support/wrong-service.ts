import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { listenOnLoopback } from "./loopback.ts";

/** What a proxy changes between a client and the service. */
export interface Wrong {
  /** The URL that the service sees. */
  url?: (url: string) => string;
  /** What the client receives for a message of the service. */
  message?: (text: string) => string[];
  /** What the service receives for a message of the client. */
  clientMessage?: (text: string) => string[];
  closeCode?: (code: number) => number;
  closeReason?: string;
  answer?: (answer: { method: string; path: string; status: number; body: string }) => { status: number; body: string };
}

/** A service that breaks a rule: a proxy of the real one. */
export class WrongService {
  readonly #target: URL;
  readonly #wrong: Wrong;
  readonly #server = createServer((request, response) => void this.#call(request, response));
  readonly #sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has("tidings.v1") ? "tidings.v1" : false),
  });

  constructor(target: string, wrong: Wrong) {
    this.#target = new URL(target);
    this.#wrong = wrong;
    this.#server.on("upgrade", (request, socket, head) =>
      this.#sockets.handleUpgrade(request, socket, head, (client) => this.#connect(client, request)),
    );
  }

  listen(): Promise<string> {
    return listenOnLoopback(this.#server);
  }

  close(): void {
    for (const client of this.#sockets.clients) client.terminate();
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #connect(client: WebSocket, request: IncomingMessage): void {
    const { url = String, message = single, clientMessage = single, closeCode = Number, closeReason } = this.#wrong;
    const address = `ws://${this.#target.host}${url(request.url ?? "")}`;
    const protocols = (request.headers["sec-websocket-protocol"] ?? "").split(/, ?/).filter(Boolean);
    const service = new WebSocket(address, protocols, { perMessageDeflate: false });
    const waiting: string[] = [];
    client.on("message", (data) => {
      for (const text of clientMessage(textOf(data))) {
        if (service.readyState === WebSocket.OPEN) service.send(text);
        else waiting.push(text);
      }
    });
    service.on("open", () => {
      for (const text of waiting) service.send(text);
    });
    service.on("message", (data) => {
      for (const text of message(textOf(data))) client.send(text);
    });
    service.on("error", () => client.terminate());
    service.on("close", (code, reason) => end(client, closeCode(code), closeReason ?? reason));
    client.on("close", (code) => end(service, code));
  }

  async #call(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url: path = "/" } = request;
    const { host: _, connection: __, ...headers } = request.headers;
    const upstream = httpRequest(
      { host: this.#target.hostname, port: this.#target.port, path, method, headers },
      async (answer) => {
        const received = { method, path, status: answer.statusCode ?? 502, body: (await answer.toArray()).join("") };
        const { status, body } = this.#wrong.answer?.(received) ?? received;
        response.writeHead(status, { "Content-Type": answer.headers["content-type"] ?? "application/json" });
        response.end(body);
      },
    );
    upstream.end(Buffer.concat(await request.toArray()));
  }
}

/** Closes a socket as its other half was closed: 1005 and 1006 mean that there was no code. */
function end(socket: WebSocket, code: number, reason?: Buffer | string): void {
  if (code === 1005 || code === 1006) socket.terminate();
  else socket.close(code, reason);
}

const single = (text: string) => [text];
const textOf = (data: RawData) => data.toString();
