import type { Env as TidingsEnv } from "./config/env.ts";

/** Declares this Worker's bindings and exports (`ctx.exports`) to the platform's types. */
declare global {
  namespace Cloudflare {
    interface Env extends TidingsEnv {}
    interface GlobalProps {
      mainModule: typeof import("./index.ts");
    }
  }
}
