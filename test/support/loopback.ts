import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";

/** Starts a server on a free port of this machine. @returns Its URL. */
export async function listenOnLoopback(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // Only servers on pipes have text addresses.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Returns a port of this machine that was free a moment ago, for programs that cannot choose one themselves. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const { port } = new URL(await listenOnLoopback(server));
  server.close();
  await once(server, "close");
  return Number(port);
}
