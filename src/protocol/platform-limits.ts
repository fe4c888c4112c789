/** Limits of the platforms that the code runs on, Cloudflare's first: each number appears here once, with its source. */

/** Connections that one invocation may have waiting for response headers (Workers platform limits). */
export const MAX_CONCURRENT_CALLS = 6;
/** WebSockets per Durable Object (Durable Objects limits). */
export const MAX_SOCKETS_PER_OBJECT = 32_768;
/** Data points that one invocation may write (Workers Analytics Engine limits). */
export const MAX_DATA_POINTS_PER_INVOCATION = 250;
/** How long `waitUntil` keeps a request alive after its response (Workers runtime API). */
export const WAIT_UNTIL_MS = 30_000;
/** A request or a reply, on most plans (Upstash troubleshooting, "max request size exceeded"). */
export const MAX_UPSTASH_MESSAGE_BYTES = 10 * 1024 * 1024;
/** The longest delay of a timer; a longer one fires at once (HTML standard: a signed 32-bit number). */
export const MAX_TIMER_MS = 2 ** 31 - 1;
