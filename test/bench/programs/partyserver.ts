import { type Connection, routePartykitRequest, Server } from "partyserver";

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
  /** Rooms are at `/parties/party-channel/{room}`. */
  async fetch(request, env) {
    return (await routePartykitRequest(request, env)) ?? new Response(null, { status: 404 });
  },
} satisfies ExportedHandler<Cloudflare.Env>;
