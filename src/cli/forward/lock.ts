import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { RedisCommand, RedisConnection } from "../redis/connection.ts";
import { refusedByRedis } from "../redis/session.ts";

/** How long the lock outlives its holder, which renews it far more often. */
export const LOCK_MS = 10_000;

/** Takes or renews the lock, and returns its holder. */
const ACQUIRE = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return holder end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]`;

const RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/** A lock in Redis, by which one of several instances forwards. */
export class ForwardLock {
  readonly #key: string;
  /** Unique, and tells operators which process holds the lock. */
  readonly #token = `${hostname()}:${process.pid}:${randomUUID()}`;
  #heldUntil = Number.NEGATIVE_INFINITY;

  constructor(key: string) {
    this.#key = key;
  }

  /** Whether this instance certainly holds the lock: after a pause of the process, another one may have taken it. */
  get isHeld(): boolean {
    return Date.now() < this.#heldUntil;
  }

  /**
   * Takes the lock, or renews it.
   * @returns Null on success, else which process holds it.
   * @throws {RedisUnavailable}
   * @throws {CommandError} when Redis refuses the command.
   */
  async acquire(connection: RedisConnection): Promise<string | null> {
    // Counted from before the command, as Redis counts from after it.
    const startedAt = Date.now();
    const holder = await this.#run(connection, ["EVAL", ACQUIRE, "1", this.#key, this.#token, String(LOCK_MS)]);
    const isMine = holder === this.#token;
    this.#heldUntil = isMine ? startedAt + LOCK_MS : Number.NEGATIVE_INFINITY;
    return isMine ? null : holder.split(":").slice(0, 2).join(", process ");
  }

  /** Lets another instance take the lock at once. Does nothing when another one has it. @throws as `acquire` does. */
  async release(connection: RedisConnection): Promise<void> {
    this.#heldUntil = Number.NEGATIVE_INFINITY;
    await this.#run(connection, ["EVAL", RELEASE, "1", this.#key, this.#token]);
  }

  async #run(connection: RedisConnection, command: RedisCommand): Promise<string> {
    const [reply] = await connection.run([command]);
    if (reply instanceof Error) throw refusedByRedis(reply.message, "REDIS_URL");
    return String(reply);
  }
}
