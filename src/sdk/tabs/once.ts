import { platform } from "../connection/page.ts";

/** How long to hold the lock of a side effect, in which time every running tab receives the event. */
const HOLD_MS = 10_000;
/** How many keys to remember after that, for tabs that were frozen and receive the event later. */
const MAX_ONCE_KEYS = 100;
const STORAGE_KEY = "tidings:once";

/**
 * Runs a side effect, such as a sound or a notification, in one tab only, although every tab receives the event.
 * @param key Identifies the side effect, such as the event's `id`.
 * @param effect Runs in the first tab that calls this.
 * @returns Whether the effect ran in this tab. Without Web Locks, it runs in every tab.
 * @throws Whatever `effect` throws.
 * @example
 * onEvent: (event) => onceAcrossTabs(event.id, () => new Notification("Your order is on its way"))
 */
export async function onceAcrossTabs(key: string, effect: () => unknown): Promise<boolean> {
  const locks = platform.navigator?.locks;
  if (!locks) {
    await effect();
    return true;
  }
  return new Promise((resolve, reject) => {
    let areLocksAllowed = false;
    const runOnce = async (lock: Lock | null) => {
      areLocksAllowed = true;
      // All keys share one list, which only one tab at a time may change.
      if (lock === null || !(await locks.request(STORAGE_KEY, () => rememberKey(key)))) return resolve(false);
      await effect();
      resolve(true);
      await new Promise((done) => setTimeout(done, HOLD_MS));
    };
    locks
      .request(`${STORAGE_KEY}:${key}`, { ifAvailable: true }, runOnce)
      .catch(async (error) => {
        if (areLocksAllowed) return reject(error);
        // A sandboxed frame has locks but may not use them.
        await effect();
        resolve(true);
      })
      .catch(reject);
  });
}

/** Stores a key. @returns Whether it is new. Without storage every key is new, and only the lock prevents repeats. */
function rememberKey(key: string): boolean {
  try {
    const { localStorage } = platform;
    const stored: unknown = JSON.parse(localStorage?.getItem(STORAGE_KEY) ?? "[]");
    const keys = Array.isArray(stored) ? stored : [];
    if (keys.includes(key)) return false;
    localStorage?.setItem(STORAGE_KEY, JSON.stringify([...keys, key].slice(-MAX_ONCE_KEYS)));
  } catch {
    // Storage is full or forbidden.
  }
  return true;
}
