import { type RedisClient, RedisError } from "./client.ts";
import type { StreamEntry } from "./entry.ts";
import {
  notUtf8EntryIds,
  parseEntries,
  parseEntrySizes,
  parseStreamDescription,
  type StreamDescription,
} from "./replies.ts";

/** XINFO without the contents of entries; false when the stream does not exist. */
const DESCRIBE = `
local function describe()
  local reply = redis.pcall('XINFO', 'STREAM', KEYS[1])
  if reply.err then
    if string.find(reply.err, 'no such key', 1, true) then return false end
    error(reply.err)
  end
  local info = {}
  for i = 1, #reply, 2 do info[reply[i]] = reply[i + 1] end
  local first = info['first-entry']
  return {
    info['length'], info['entries-added'] or false, info['last-generated-id'],
    info['max-deleted-entry-id'] or false, first and first[1],
  }
end`;

const READ_AND_DESCRIBE = `${DESCRIBE}
return {redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2]), describe()}`;

/**
 * Lists the ids and sizes of the first two entries from the cursor on, which even the smallest read returns. Only EVAL can
 * return an entry's id without its content.
 */
const LIST_SIZES = `
local sizes = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', 2)) do
  local bytes = 0
  for _, word in ipairs(entry[2]) do bytes = bytes + #word end
  table.insert(sizes, {entry[1], bytes})
end
return sizes`;

/**
 * Removes the entries before an id, provided that the entry with this id has the given content. Otherwise a failover may
 * have set the stream back, and the entries before the id may be new and unread.
 */
const TRIM_READ = `${DESCRIBE}
local entry = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not entry or #entry[2] ~= #ARGV - 1 then return false end
for i, word in ipairs(entry[2]) do
  if word ~= ARGV[i + 1] then return false end
end
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1])
return describe()`;

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
   * Reads entries, and describes the stream as it is at the same moment: with two commands, it could be trimmed or replaced
   * in between, and what is missing would be miscounted.
   */
  async rangeAndDescription(
    start: string,
    count: number,
  ): Promise<{ entries: StreamEntry[]; description: StreamDescription }> {
    const reply = await this.#client.command("EVAL", READ_AND_DESCRIBE, 1, this.#stream, start, count);
    const [range, description] = Array.isArray(reply) ? reply : [];
    return { entries: expected(parseEntries(range), "EVAL"), description: parseStreamDescription(description) };
  }

  /**
   * Returns the ids of entries that are not UTF-8. Decoding replaced invalid bytes with U+FFFD, which valid text may
   * also contain.
   */
  async notUtf8(entries: StreamEntry[]): Promise<Set<string>> {
    const suspects = entries.filter(({ fields }) => fields.flat().some((text) => text.includes("\uFFFD")));
    const [first, last] = [suspects[0], suspects.at(-1)];
    if (!first || !last) return new Set();
    const reply = await this.#client.encodedCommand("XRANGE", this.#stream, first.id, last.id, "COUNT", entries.length);
    // An entry that was removed meanwhile counts as valid.
    return expected(notUtf8EntryIds(reply), "XRANGE");
  }

  /** Returns the ids and sizes of the first two entries from `cursor` on, which even the smallest read returns. */
  async sizes(cursor: string): Promise<[id: string, bytes: number][]> {
    return expected(parseEntrySizes(await this.#client.command("EVAL", LIST_SIZES, 1, this.#stream, cursor)), "EVAL");
  }

  /**
   * Removes the entries before one that was read. Exact, not `~`: the relay must remember every read entry that is left.
   * @returns The stream afterwards; null, with nothing removed, when it does not have that very entry.
   */
  async trimBefore({ id, fields }: StreamEntry): Promise<StreamDescription> {
    return parseStreamDescription(await this.#client.command("EVAL", TRIM_READ, 1, this.#stream, id, ...fields.flat()));
  }

  async delete(ids: string[]): Promise<void> {
    await this.#client.command("XDEL", this.#stream, ...ids);
  }
}

function expected<T>(parsed: T | null, command: string): T {
  if (parsed === null) throw new RedisError("unavailable", `unexpected reply to ${command}`);
  return parsed;
}
