import { connectOrder } from "../../../src/sdk/index.ts";

/** A Worker that connects to an order with the SDK and answers with the first event: `?url=…&order=…&token=…`. */
export default {
  async fetch(request: Request): Promise<Response> {
    const { searchParams } = new URL(request.url);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const connection = connectOrder(searchParams.get("order") ?? "", {
      url: searchParams.get("url") ?? "",
      getToken: () => searchParams.get("token") ?? "",
      onEvent: resolve,
      onStatus: (status) => {
        if (status.state === "closed") reject(new Error(status.reason.name));
      },
    });
    try {
      return Response.json({ event: await promise, position: connection.position });
    } catch (error) {
      return new Response(String(error), { status: 502 });
    } finally {
      connection.close();
    }
  },
};
