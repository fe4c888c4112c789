import { type RedisClient, RedisError } from "./client.ts";
import type { StreamEntry } from "./entry.ts";
import { parseEntries, parseEntrySizes, parseStreamInfo, type StreamInfo, utf8EntryIds } from "./replies.ts";

/**
 * Lists the ids and sizes of the entries that replies contain at least: the cursor's, the next one, and the stream's first
 * and last, which XINFO includes. Only EVAL can return an entry's id without its content.
 */
const LIST_SIZES = `
local sizes = {}
local function add(entries)
  for _, entry in ipairs(entries) do
    local bytes = 0
    for _, word in ipairs(entry[2]) do bytes = bytes + #word end
    table.insert(sizes, {entry[1], bytes})
  end
end
add(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1))
add(redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', 2))
add(redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1))
return sizes`;

/**
 * Removes the entries before an id if the entry with this id has the given content. A failover may just have set the
 * stream back: entries before the id may then be new, and none has been read.
 */
const TRIM_READ = `
local entry = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not entry or #entry[2] ~= #ARGV - 1 then return 0 end
for i, word in ipairs(entry[2]) do
  if word ~= ARGV[i + 1] then return 0 end
end
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1])
return 1`;

/** The relay's commands on the stream, with parsed replies. All throw `RedisError`. */
export class StreamCommands {
  readonly #client: RedisClient;
  readonly #stream: string;

  constructor(client: RedisClient, stream: string) {
    this.#client = client;
    this.#stream = stream;
  }

  async range(start: string, count: number): Promise<StreamEntry[]> {
    const reply = await this.#client.command("XRANGE", this.#stream, start, "+", "COUNT", count);
    return expected(parseEntries(reply), "XRANGE");
  }

  /**
   * Returns the ids of entries that are not UTF-8. Decoding replaced invalid bytes with U+FFFD, which valid text may
   * also contain.
   */
  async notUtf8(entries: StreamEntry[]): Promise<Set<string>> {
    const suspects = entries.filter(({ fields }) => fields.flat().some((text) => text.includes("\uFFFD")));
    const [first, last] = [suspects[0], suspects.at(-1)];
    if (!first || !last) return new Set();
    const reply = await this.#client.encodedCommand("XRANGE", this.#stream, first.id, last.id);
    const valid = expected(utf8EntryIds(reply), "XRANGE");
    return new Set(suspects.map(({ id }) => id).filter((id) => !valid.has(id)));
  }

  /** Returns null when the stream does not exist, and `unknown` when the reply lacks what is needed. */
  async info(): Promise<StreamInfo | "unknown" | null> {
    try {
      return parseStreamInfo(await this.#client.command("XINFO", "STREAM", this.#stream)) ?? "unknown";
    } catch (error) {
      if (error instanceof RedisError && /no such key/i.test(error.message)) return null;
      throw error;
    }
  }

  /** Returns the sizes in bytes, by id, of the entries that a read from `cursor`, or `info`, may reply with. */
  async sizes(cursor: string): Promise<Map<string, number>> {
    return expected(parseEntrySizes(await this.#client.command("EVAL", LIST_SIZES, 1, this.#stream, cursor)), "EVAL");
  }

  /**
   * Removes the entries before one that was read. Exact, not `~`: the relay must remember every read entry that is left.
   * @returns False, with nothing removed, when the stream does not have that very entry.
   */
  async trimBefore({ id, fields }: StreamEntry): Promise<boolean> {
    return (await this.#client.command("EVAL", TRIM_READ, 1, this.#stream, id, ...fields.flat())) === 1;
  }

  async delete(ids: string[]): Promise<void> {
    await this.#client.command("XDEL", this.#stream, ...ids);
  }
}

function expected<T>(parsed: T | null, command: string): T {
  if (parsed === null) throw new RedisError("unavailable", `unexpected reply to ${command}`);
  return parsed;
}
