import { platform } from "../connection/page.ts";
import type { TabMessage } from "./messages.ts";
import type { TabInput } from "./tab-machine-state.ts";

/** Part of the lock's and the channel's name: tabs with different versions of the SDK may be open at the same time. */
const PROTOCOL = "tabs.v2";

/** The tabs of one user that share a socket: the channel between them, and the lock that makes one of them the leader. */
export class TabGroup {
  readonly #name: string;
  readonly #channel: BroadcastChannel;
  readonly #locks: LockManager;
  readonly #take: (input: TabInput) => void;
  #lock: AbortController | null = null;

  /**
   * @param share Identifies the service, the order or products, and the filter.
   * @param take Receives messages and the lock's changes.
   * @throws {Error} where the browser lacks Web Locks or BroadcastChannel, or allows the page no storage.
   */
  constructor(user: string, share: string, take: (input: TabInput) => void) {
    const { navigator, BroadcastChannel } = platform;
    if (!navigator?.locks || !BroadcastChannel) throw new TypeError("Tabs cannot share a socket here");
    this.#name = `tidings:${PROTOCOL}:${encodeURIComponent(user)}:${share}`;
    this.#locks = navigator.locks;
    this.#take = take;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }: MessageEvent<TabMessage>) => take({ type: "message", message: data });
  }

  post(message: TabMessage): void {
    this.#channel.postMessage(message);
  }

  /** Waits for the lock, or steals it, and holds it until `releaseLock()`. */
  requestLock(shouldSteal: boolean): void {
    const request = new AbortController();
    const { signal } = request;
    this.#lock = request;
    const hold = () =>
      new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => resolve());
        if (signal.aborted) resolve();
        else this.#take({ type: "lock_won" });
      });
    // The API does not allow `signal` together with `steal`.
    this.#locks.request(this.#name, shouldSteal ? { steal: true } : { signal }, hold).catch((error: unknown) => {
      if (signal.aborted) return;
      // Any other error: locks are forbidden here, as in a sandboxed frame.
      const isStolen = error instanceof DOMException && error.name === "AbortError";
      this.#take({ type: isStolen ? "lock_stolen" : "sharing_forbidden" });
    });
  }

  releaseLock(): void {
    this.#lock?.abort();
    this.#lock = null;
  }

  /** Returns whether another tab waits for the lock. */
  async isLockAwaited(): Promise<boolean> {
    const { pending = [] } = await this.#locks.query();
    return pending.some(({ name }) => name === this.#name);
  }

  close(): void {
    this.#channel.close();
  }
}
