import type { Env } from "../../../src/config/env.ts";
import service from "./failing-orders.ts";
import { setForward } from "./forward-clock.ts";

/** The service with failing orders, whose clock can be set forward: `/test/later?ms=60000`. */

export {
  ChannelRegistry,
  OrderChannel,
  ProductsChannel,
  ProductsShard,
  StreamRelay,
  TokenVerifier,
} from "./failing-orders.ts";

export default {
  ...service,
  fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== "/test/later") return service.fetch(request, env, ctx);
    setForward(Number(searchParams.get("ms")));
    return new Response(null, { status: 204 });
  },
} satisfies ExportedHandler<Env>;
