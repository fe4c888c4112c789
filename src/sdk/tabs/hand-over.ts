import { DISCONNECTED_REASON, UNAUTHENTICATED } from "../../protocol/close-rules.ts";
import type { Output } from "../connection/link.ts";
import type { Tab } from "./tab.ts";

/** Lets another tab lead when this tab has no usable token. */

/** After this many failed token requests in a row, another tab takes over. */
const MAX_TOKEN_FAILURES = 3;

/** Returns a token of the group's user. While that takes too long or keeps failing, another tab may lead. */
export async function tokenOfUser(tab: Tab): Promise<string> {
  const { machine, tokens } = tab;
  const timer = setTimeout(() => handOver(tab), machine.state.identifyTimeoutMs);
  try {
    const { token, user } = await tokens.next();
    if (tab.group && user !== machine.state.user) {
      machine.take({ type: "user_changed", user });
      throw new Error("The page has a token of another user");
    }
    return token;
  } catch (error) {
    if (tokens.failures >= MAX_TOKEN_FAILURES) void handOver(tab);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Lets another tab lead with its own token. @param otherwise Runs if no other tab is left to try. */
export async function handOver({ machine, group, socket }: Tab, otherwise = () => {}): Promise<void> {
  const { number } = socket;
  if (!group) return;
  const isNext = !machine.state.hasFailed && (await group.isLockAwaited());
  if (number !== socket.number) return;
  if (isNext) machine.take({ type: "resign" });
  else otherwise();
}

/** Lets the tab that waits for the lock lead, or reconnects if there is none. */
export async function passOn({ machine, group, socket }: Tab): Promise<void> {
  if (await group?.isLockAwaited()) machine.take({ type: "resign" });
  else socket.link?.reconnect();
}

/**
 * Whether the service refused this tab's token, so that another tab's may be better. Not when the service disconnected
 * the user: another tab's token might still be valid, and would undo that.
 */
export const isTokenRefused = (output: Output) =>
  output.type === "status" &&
  output.status.state === "closed" &&
  output.status.reason.code === UNAUTHENTICATED &&
  output.status.reason.message !== DISCONNECTED_REASON;
