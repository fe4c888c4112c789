import { DurableObject } from "cloudflare:workers";

interface BareEnv {
  BARE_CHANNEL: DurableObjectNamespace<BareChannel>;
  /** `yes`: stores each message in one row before sending it. */
  STORES: string;
}

/**
 * The baseline: the least that an object with hibernating sockets can do. It checks nothing, stores nothing unless
 * configured to, and sends every posted text to all sockets. Like the service, it is reached through a Worker, with one
 * object per name.
 */
export class BareChannel extends DurableObject<BareEnv> {
  constructor(ctx: DurableObjectState, env: BareEnv) {
    super(ctx, env);
    if (env.STORES === "no") return;
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY, frame TEXT)");
  }

  override async fetch(request: Request): Promise<Response> {
    if (request.method === "POST") {
      const text = await request.text();
      if (this.env.STORES === "yes") this.ctx.storage.sql.exec("INSERT INTO log (frame) VALUES (?)", text);
      for (const socket of this.ctx.getWebSockets()) socket.send(text);
      return new Response(null, { status: 204 });
    }
    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    this.ctx.acceptWebSocket(server);
    server.send('{"type":"connection_established"}');
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Completes the close; otherwise the runtime would answer the client only when it evicts the object. */
  override webSocketClose(socket: WebSocket): void {
    socket.close();
  }
}

export default {
  fetch(request, env) {
    return env.BARE_CHANNEL.getByName(new URL(request.url).pathname).fetch(request);
  },
} satisfies ExportedHandler<BareEnv>;
