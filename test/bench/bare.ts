import { DurableObject } from "cloudflare:workers";

interface BareEnv {
  BARE_CHANNEL: DurableObjectNamespace<BareChannel>;
  /** `yes`: what is sent is stored first, in one row. */
  STORES: string;
}

/**
 * The yardstick: the least that an object with hibernating sockets can do. It checks nothing, keeps nothing unless it
 * is told to, and sends what it is posted to everyone. Reached as the service's channels are: through a Worker, one
 * object a name.
 */
export class BareChannel extends DurableObject<BareEnv> {
  override async fetch(request: Request): Promise<Response> {
    if (request.method === "POST") {
      const text = await request.text();
      if (this.env.STORES === "yes") {
        this.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY, frame TEXT)");
        this.ctx.storage.sql.exec("INSERT INTO log (frame) VALUES (?)", text);
      }
      for (const socket of this.ctx.getWebSockets()) socket.send(text);
      return new Response(null, { status: 204 });
    }
    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    this.ctx.acceptWebSocket(server);
    server.send('{"type":"connection_established"}');
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Without this the runtime leaves a closing client without an answer until it evicts the object. */
  override webSocketClose(socket: WebSocket): void {
    socket.close();
  }
}

export default {
  fetch(request, env) {
    return env.BARE_CHANNEL.getByName(new URL(request.url).pathname).fetch(request);
  },
} satisfies ExportedHandler<BareEnv>;
