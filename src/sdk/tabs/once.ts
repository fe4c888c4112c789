import { platform } from "./tab-platform.ts";

/** How long the lock of a side effect is kept: tabs hear of an event within milliseconds of each other. */
const ONCE_MS = 10_000;
/** So many side effects are remembered beyond that. */
const MAX_ONCE = 100;
const ONCE_KEY = "tidings:once";

/**
 * Does something in one tab only, although every tab hears of it: a sound, a notification.
 * @param key Names what it is about, such as an event's `id`.
 * @returns Whether it was done here. Where a browser has or allows no Web Locks, always.
 * @example
 * onEvent: (event) => onceAcrossTabs(event.id, () => new Notification("Your order is on its way"))
 */
export async function onceAcrossTabs(key: string, effect: () => unknown): Promise<boolean> {
  const locks = platform().navigator?.locks;
  if (!locks) {
    await effect();
    return true;
  }
  return new Promise((resolve, reject) => {
    let isAllowed = false;
    const body = async (lock: unknown) => {
      isAllowed = true;
      // What is remembered is one list: one tab at a time.
      if (lock === null || !(await locks.request(ONCE_KEY, {}, () => rememberOnce(key)))) return resolve(false);
      await effect();
      resolve(true);
      await new Promise((done) => setTimeout(done, ONCE_MS));
    };
    locks
      .request(`${ONCE_KEY}:${key}`, { ifAvailable: true }, body)
      .catch(async (error) => {
        // A sandboxed frame has locks, and may use none.
        if (isAllowed) return reject(error);
        await effect();
        resolve(true);
      })
      .catch(reject);
  });
}

/** A tab that slept hears of an event long after the lock is gone. @returns Whether the key is new. */
function rememberOnce(key: string): boolean {
  try {
    const { localStorage } = platform();
    const known: unknown = JSON.parse(localStorage?.getItem(ONCE_KEY) ?? "[]");
    const keys = Array.isArray(known) ? known : [];
    if (keys.includes(key)) return false;
    localStorage?.setItem(ONCE_KEY, JSON.stringify([...keys, key].slice(-MAX_ONCE)));
  } catch {
    // No storage: the lock alone has to do.
  }
  return true;
}
