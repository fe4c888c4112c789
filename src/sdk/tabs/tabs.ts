import type { SharedTabs } from "../connection/link.ts";
import { openTabLink } from "./tab-link.ts";

/** One socket for all tabs of a browser: the package entry `tidings/client/tabs`. */

export { onceAcrossTabs } from "./once.ts";

/**
 * Shares one socket between the tabs of a browser in which the same user listens to the same channel with the same
 * filter. If the tab with the socket is closed or frozen, or has no usable token, another tab takes over without losing
 * or repeating events; a visible tab takes over from a hidden one. Tabs of different users, by `sub` and `iss` of their
 * tokens, never share a socket; guests with tickets for the same order count as one user. Call `reconnect()` or `refreshToken()` in a tab when its user changes.
 * In browsers without Web Locks or BroadcastChannel, and where the token has no `sub` claim, each tab has its own
 * socket. The filter of a shared connection cannot be changed.
 * @example
 * import { sharedTabs } from "tidings/client/tabs";
 * connectOrder(orderId, { getToken, shared: sharedTabs() });
 */
export function sharedTabs(): SharedTabs {
  return openTabLink;
}
