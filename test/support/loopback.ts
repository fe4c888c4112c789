import { once } from "node:events";
import type { AddressInfo, Server } from "node:net";

/** Starts a server on a free port of this machine. @returns Its URL. */
export async function listenOnLoopback(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // Only servers on pipes have text addresses.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
