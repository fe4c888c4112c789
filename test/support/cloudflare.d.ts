import type { Env as TidingsEnv } from "../../src/config.ts";

declare global {
  namespace Cloudflare {
    interface Env extends TidingsEnv {}
    interface GlobalProps {
      mainModule: typeof import("../../src/index.ts");
    }
  }
}
