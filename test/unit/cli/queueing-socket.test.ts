import { createServer, type Server } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { QueueingSocket } from "../../../src/cli/conformance/queueing-socket.ts";
import { listenOnLoopback } from "../../support/loopback.ts";

/** Connects to a server that does this with each socket. */
async function connect(onSocket: (socket: WebSocket) => void, subprotocols: string[] = []): Promise<QueueingSocket> {
  const server = createServer();
  new WebSocketServer({ server }).on("connection", onSocket);
  return connectTo(server, subprotocols);
}

async function connectTo(server: Server, subprotocols: string[] = []): Promise<QueueingSocket> {
  const url = await listenOnLoopback(server);
  const socket = new QueueingSocket("it", url.replace("http", "ws"), subprotocols, 5000);
  onTestFinished(() => {
    socket.close();
    server.closeAllConnections();
    server.close();
  });
  return socket;
}

const sendArray = (socket: WebSocket) => socket.send('[{"type":"a"},{"type":"b"}]');

test("without a subprotocol, an array is one message, and no frame of the protocol", async () => {
  const socket = await connect(sendArray);
  expect(await socket.next("a frame")).toEqual({ message: [{ type: "a" }, { type: "b" }] });
});

test("with a subprotocol, an array has several frames", async () => {
  const socket = await connect(sendArray, ["tidings.v1"]);
  expect(await socket.selected()).toBe("tidings.v1");
  expect(await socket.next("a frame")).toEqual({ message: { type: "a" } });
  expect(await socket.next("a frame")).toEqual({ message: { type: "b" } });
});

test("a handshake that the service refuses selects nothing, not no subprotocol", async () => {
  const server = createServer().on("upgrade", (_, connection) => {
    connection.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  const socket = await connectTo(server);
  await expect(socket.selected()).rejects.toThrow(/no connection: .*closed with 1006/);
  await expect(socket.send("ping")).rejects.toThrow("no connection");
});

test("a socket that is closed right after the handshake has selected a subprotocol, and takes no message", async () => {
  const socket = await connect((server) => server.close(4001, "Authentication required"), ["tidings.v1"]);
  expect(await socket.closed()).toEqual({ code: 4001, reason: "Authentication required" });
  expect(await socket.selected()).toBe("tidings.v1");
  await socket.send("ping");
});
