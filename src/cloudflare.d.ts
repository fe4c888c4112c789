import type { Env as TidingsEnv } from "./config/env.ts";

/** Tells the platform's types what this Worker is bound to and what it exports (`ctx.exports`). */
declare global {
  namespace Cloudflare {
    interface Env extends TidingsEnv {}
    interface GlobalProps {
      mainModule: typeof import("./index.ts");
    }
  }
}
