import { platform } from "../connection/page.ts";

/** How long a key is remembered: as long as the service's history, from which a tab that was frozen catches up. */
const KEPT_MS = 86_400_000;
/** How many keys are remembered: two full histories of an order. */
const MAX_ONCE_KEYS = 2000;
/** How long a side effect stays locked where keys cannot be remembered: all tabs receive an event within milliseconds. */
const HOLD_MS = 10_000;
/** Names the locks and the cache. */
const MEMORY_NAME = "tidings:once";
/** The one entry of the cache, under an address that no page has (RFC 6761). */
const ENTRY = "https://once.tidings.invalid/";

/**
 * Runs a side effect, such as a sound or a notification, in one tab only, although every tab receives the event. If the
 * effect throws, or its tab crashes before it is over, the next tab that received the event runs it. Then part of the
 * effect may happen twice, but it is never lost while a tab is open. Where the browser forbids Cache Storage, the other
 * tabs do not wait, and an effect that fails is not run again. While storage is full, every tab runs the effect, one after
 * another.
 * @param key Identifies the side effect, such as the event's `id`. Remembered for a day, among the newest 2,000.
 * @param effect Runs in the first tab that calls this; the other tabs wait for its end.
 * @returns Whether the effect ran in this tab. Without Web Locks, it runs in every tab.
 * @throws Whatever `effect` throws.
 * @example
 * onEvent: (event) => onceAcrossTabs(event.id, () => new Notification("Your order is on its way"))
 */
export async function onceAcrossTabs(key: string, effect: () => unknown): Promise<boolean> {
  const locks = platform.navigator?.locks;
  let areLocksAllowed = false;
  const run = async () => {
    await effect();
    return true;
  };
  if (!locks) return run();
  try {
    const canRemember = (await readKeys()) !== null;
    return await new Promise<boolean>((resolve, reject) => {
      const runOnce = async (lock: Lock | null) => {
        areLocksAllowed = true;
        if (lock === null || (await readKeys())?.some(([known]) => known === key)) return resolve(false);
        await run();
        // All keys are in one list, so only one tab at a time may change it.
        await locks.request(MEMORY_NAME, () => rememberKey(key));
        resolve(true);
        if (!canRemember) await new Promise((done) => setTimeout(done, HOLD_MS));
      };
      locks.request(`${MEMORY_NAME}:${key}`, { ifAvailable: !canRemember }, runOnce).catch(reject);
    });
  } catch (error) {
    if (areLocksAllowed) throw error;
    // A sandboxed frame has locks but may not use them.
    return run();
  }
}

/** A key, and when its effect ran: milliseconds since 1970. */
type Entry = [key: string, at: number];

/**
 * Reads from Cache Storage, not from `localStorage`: there, a tab may read what was stored before another tab wrote.
 * @returns Null if the browser forbids storage.
 */
async function readKeys(): Promise<Entry[] | null> {
  try {
    const cache = await platform.caches?.open(MEMORY_NAME);
    if (!cache) return null;
    const stored: unknown = await (await cache.match(ENTRY))?.json();
    const isEntry = (entry: unknown): entry is Entry => Array.isArray(entry) && entry[1] > Date.now() - KEPT_MS;
    return Array.isArray(stored) ? stored.filter(isEntry) : [];
  } catch {
    return null;
  }
}

async function rememberKey(key: string): Promise<void> {
  try {
    const keys = [...((await readKeys()) ?? []), [key, Date.now()]].slice(-MAX_ONCE_KEYS);
    await (await platform.caches?.open(MEMORY_NAME))?.put(ENTRY, new Response(JSON.stringify(keys)));
  } catch {
    // Storage is full or forbidden.
  }
}
