import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { type RedisCommand, type RedisConnection, RedisUnavailable } from "../redis/connection.ts";
import { refusedByRedis } from "../redis/session.ts";

/** How long the lock lasts without renewal. Its holder renews it far more often. */
export const LOCK_MS = 10_000;

/**
 * Errors of a Redis that fails over, is busy, is full or cannot save. They pass without a change to the settings. Redis 6
 * puts the error of a script's command at the end of its own: `ERR Error running script …: -READONLY …`.
 */
const TRANSIENT_ERRORS = /(^|-)(READONLY|MASTERDOWN|CLUSTERDOWN|NOREPLICAS|BUSY|OOM|MISCONF)\b/;

/** Takes or renews the lock, and returns its holder. */
const ACQUIRE = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return holder end
-- Unlike SET, PEXPIRE also runs while Redis is full. An ACL may lack it.
if holder and redis.pcall('PEXPIRE', KEYS[1], ARGV[2]) == 1 then return ARGV[1] end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]`;

const RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/** A lock in Redis that lets one of several instances forward. */
export class ForwardLock {
  readonly #key: string;
  /** Unique, and readable for operators: names the process that holds the lock. */
  readonly #token = `${hostname()}:${process.pid}:${randomUUID()}`;
  #heldUntil = Number.NEGATIVE_INFINITY;

  constructor(key: string) {
    this.#key = key;
  }

  /** Whether this instance still holds the lock. Another may have taken it while this process was paused. */
  get isHeld(): boolean {
    return Date.now() < this.#heldUntil;
  }

  /**
   * Takes the lock, or renews it.
   * @returns null on success, else the process that holds it.
   * @throws {RedisUnavailable}
   * @throws {CommandError} when Redis refuses the command.
   */
  async acquire(connection: RedisConnection): Promise<string | null> {
    // Measured from before the command is sent. Redis starts the expiry when it runs the command, so the lock in Redis
    // outlasts this estimate.
    const startedAt = Date.now();
    const holder = await this.#run(connection, ["EVAL", ACQUIRE, "1", this.#key, this.#token, String(LOCK_MS)]);
    const isMine = holder === this.#token;
    this.#heldUntil = isMine ? startedAt + LOCK_MS : Number.NEGATIVE_INFINITY;
    return isMine ? null : holder.split(":").slice(0, 2).join(", process ");
  }

  /** Releases the lock if this instance holds it. @throws as `acquire` does. */
  async release(connection: RedisConnection): Promise<void> {
    this.#heldUntil = Number.NEGATIVE_INFINITY;
    await this.#run(connection, ["EVAL", RELEASE, "1", this.#key, this.#token]);
  }

  async #run(connection: RedisConnection, command: RedisCommand): Promise<string> {
    const [reply] = await connection.run([command]);
    if (!(reply instanceof Error)) return String(reply);
    throw TRANSIENT_ERRORS.test(reply.message)
      ? new RedisUnavailable(reply)
      : refusedByRedis(reply.message, "REDIS_URL");
  }
}
