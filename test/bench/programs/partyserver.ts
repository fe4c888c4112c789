import { type Connection, getServerByName, Server } from "partyserver";

interface PartyEnv {
  PARTY_CHANNEL: DurableObjectNamespace<PartyChannel>;
}

/** A room of partyserver, as its documentation shows it, with hibernation: sends every posted text to all connections. */
export class PartyChannel extends Server {
  static override options = { hibernate: true };

  override onConnect(connection: Connection): void {
    connection.send('{"type":"connection_established"}');
  }

  override async onRequest(request: Request): Promise<Response> {
    this.broadcast(await request.text());
    return new Response(null, { status: 204 });
  }
}

export default {
  async fetch(request, env) {
    const room = await getServerByName(env.PARTY_CHANNEL, new URL(request.url).pathname.slice(1));
    return room.fetch(request);
  },
} satisfies ExportedHandler<PartyEnv>;
