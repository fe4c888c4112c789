import { createClient } from "@redis/client";
import { rememberPayload } from "../leak-guard/rules.ts";
import { STREAM } from "../redis-service.ts";

/** The Redis stream, and what happens to it: failovers to a replica that is a little behind, trims, and losses. */

/** Adds an entry whose id follows the last one, so that after a failover it takes the ids of lost entries. */
const ADD = `
  local info, last = redis.pcall('XINFO', 'STREAM', KEYS[1]), 0
  for i = 1, #info, 2 do
    local time, number = string.match(tostring(info[i + 1]), '^(%d+)-(%d+)$')
    if info[i] == 'last-generated-id' and time == ARGV[1] then last = tonumber(number) end
  end
  return redis.call('XADD', KEYS[1], ARGV[1] .. '-' .. (last + 1 + ARGV[2]), unpack(ARGV, 3))`;
const SAVE = "local dump = redis.call('DUMP', KEYS[1]) if dump then redis.call('SET', 'saved', dump) end";
const SET_BACK =
  "local dump = redis.call('GET', 'saved') if dump then redis.call('RESTORE', KEYS[1], 0, dump, 'REPLACE') end";

type Client = Awaited<ReturnType<typeof connect>>;
const connect = (url: string) => createClient({ url }).connect();

export class FallibleStream {
  readonly #client: Client;
  /** The time in the ids of entries: ahead, because ids only grow. */
  #time = Date.now() + 60_000;
  #added = 0;

  private constructor(client: Client) {
    this.#client = client;
  }

  static async connect(url: string): Promise<FallibleStream> {
    return new FallibleStream(await connect(url));
  }

  /** Forgets what was saved, and uses ids that were never used. */
  async begin(): Promise<void> {
    this.#time += 1000;
    await this.#client.del("saved");
  }

  /** @param skipped How many ids to leave out. */
  async add(fields: Record<string, string>, skipped: number): Promise<void> {
    rememberPayload(fields);
    // No two entries are equal, even if their ids are.
    const words = Object.entries({ ...fields, attempt: String(++this.#added) }).flat();
    await this.#eval(ADD, String(this.#time), String(skipped), ...words);
    await this.ring();
  }

  /** Rings the doorbell. */
  async ring(): Promise<void> {
    await this.#client.publish("tidings:doorbell", "1");
  }

  /** Keeps the stream as a replica has it now. */
  async save(): Promise<void> {
    await this.#eval(SAVE);
  }

  /** Does what a failover to that replica does, at once. */
  async setBack(): Promise<void> {
    await this.#eval(SET_BACK);
  }

  async trim(left: number): Promise<void> {
    await this.#client.xTrim(STREAM, "MAXLEN", left);
  }

  async delete(id: string): Promise<void> {
    await this.#client.xDel(STREAM, id);
  }

  async drop(): Promise<void> {
    await this.#client.del(STREAM);
  }

  async flush(): Promise<void> {
    await this.#client.flushAll();
  }

  async ids(): Promise<string[]> {
    const entries = (await this.#client.xRange(STREAM, "-", "+")) ?? [];
    return entries.map(({ id }) => id);
  }

  close(): void {
    this.#client.destroy();
  }

  async #eval(script: string, ...args: string[]): Promise<void> {
    await this.#client.eval(script, { keys: [STREAM], arguments: args });
  }
}
