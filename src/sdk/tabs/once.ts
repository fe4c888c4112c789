import { platform } from "../connection/page.ts";

/** How long a side effect stays locked: all tabs receive an event within milliseconds. */
const HOLD_MS = 10_000;
/** How many keys are remembered beyond that, for tabs that were frozen and receive an event later. */
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
export async function onceAcrossTabs(key: string, effect: () => void | Promise<void>): Promise<boolean> {
  const locks = platform.navigator?.locks;
  if (!locks) {
    await effect();
    return true;
  }
  return new Promise((resolve, reject) => {
    let areLocksAllowed = false;
    const runOnce = async (lock: Lock | null) => {
      areLocksAllowed = true;
      // All keys are in one list, so only one tab at a time may change it.
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

/** @returns Whether the key is new. Without storage, it is: then only the lock protects. */
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
