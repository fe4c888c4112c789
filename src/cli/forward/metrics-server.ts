import { once } from "node:events";
import { createServer } from "node:http";
import { usageError } from "../shared/command-error.ts";

/** Serves `GET /metrics`. @returns A function that stops it. @throws {CommandError} when it cannot listen on the address. */
export async function serveMetrics(host: string, port: number, metrics: () => string): Promise<() => void> {
  const server = createServer(({ url }, response) => {
    if (url !== "/metrics") return void response.writeHead(404).end();
    response.writeHead(200, { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" }).end(metrics());
  });
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    throw usageError(`Cannot serve metrics: ${reason}. Choose another --metrics-port or --metrics-host.`);
  }
  return () => {
    server.close();
    server.closeAllConnections();
  };
}
