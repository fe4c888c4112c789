import { DurableObject } from "cloudflare:workers";
import { Hono } from "hono";

interface RowEnv {
  ROW_OBJECT: DurableObjectNamespace<RowObject>;
}

/** The baseline for publishing: a Hono route that parses JSON and stores one row in an object. It checks nothing. */
export class RowObject extends DurableObject<RowEnv> {
  constructor(ctx: DurableObjectState, env: RowEnv) {
    super(ctx, env);
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY, frame TEXT)");
  }

  store(text: string): { stored: true } {
    this.ctx.storage.sql.exec("INSERT INTO log (frame) VALUES (?)", text);
    return { stored: true };
  }
}

const app = new Hono<{ Bindings: RowEnv }>();
app.post("/:channel", async (c) => {
  const event: unknown = await c.req.json();
  return c.json(await c.env.ROW_OBJECT.getByName(c.req.param("channel")).store(JSON.stringify(event)));
});
export default app;
