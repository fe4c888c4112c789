import type { Env } from "../../src/config/env.ts";
import failing from "./failing-worker.ts";

/** The service with failing orders (`failing-worker.ts`), whose clock can be set forward: `/test/later?ms=60000`. */

export { ChannelRegistry, OrderChannel, ProductsChannel, StreamRelay, TokenVerifier } from "./failing-worker.ts";

const realNow = Date.now;
let offset = 0;
Date.now = () => realNow() + offset;

export default {
  ...failing,
  fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== "/test/later") return failing.fetch(request, env, ctx);
    offset += Number(searchParams.get("ms"));
    return new Response(null, { status: 204 });
  },
} satisfies ExportedHandler<Env>;
